#include "sim/attackers.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "perdure/cluster/v1/service.pb.h"
#include "sim/caller.h"

namespace perdure::sim {
namespace {

namespace cluster_api = perdure::cluster::v1;

// Of an answer.
constexpr absl::Duration kOperatorPatience = absl::Seconds(5);

}  // namespace

War DrawWar(uint64_t seed) {
  base::Random random(seed ^ 0xa77ac);
  War war;
  if (random.Chance(0.1)) return war;  // Now and then all is well.
  war.crashes = random.Chance(0.6);
  war.drains = random.Chance(0.3);
  war.pauses = random.Chance(0.3);
  war.clock_jumps = random.Chance(0.3);
  war.worker_restarts = random.Chance(0.5);
  war.mean_gap = absl::Milliseconds(2000 + static_cast<int64_t>(random.Below(15'000)));
  if (random.Chance(0.8)) {
    war.store.commit_latency_min = absl::Microseconds(200);
    war.store.commit_latency_max =
        random.Chance(0.3) ? absl::Milliseconds(300) : absl::Milliseconds(5);
    war.store.read_latency_min = absl::Microseconds(100);
    war.store.read_latency_max =
        random.Chance(0.3) ? absl::Milliseconds(100) : absl::Milliseconds(2);
  }
  if (random.Chance(0.4)) war.store.commit_unavailable_chance = random.Unit() * 0.1;
  if (random.Chance(0.4)) war.store.unknown_chance = random.Unit() * 0.1;
  if (random.Chance(0.4)) war.store.call_unavailable_chance = random.Unit() * 0.1;
  if (random.Chance(0.5)) war.network.request_lost_chance = random.Unit() * 0.1;
  if (random.Chance(0.5)) war.network.reply_lost_chance = random.Unit() * 0.1;
  if (random.Chance(0.5)) war.network.request_doubled_chance = random.Unit() * 0.2;
  if (random.Chance(0.3)) war.network.latency_max = absl::Milliseconds(200);
  if (random.Chance(0.5)) war.workers.task_dropped_chance = random.Unit() * 0.1;
  if (random.Chance(0.5)) war.workers.task_failed_chance = random.Unit() * 0.2;
  if (random.Chance(0.5)) war.workers.activity_dropped_chance = random.Unit() * 0.3;
  if (random.Chance(0.5)) war.workers.activity_late_chance = random.Unit() * 0.2;
  war.cuts = random.Chance(0.4);
  if (random.Chance(0.4)) war.peers.request_lost_chance = random.Unit() * 0.05;
  if (random.Chance(0.4)) war.peers.answer_lost_chance = random.Unit() * 0.05;
  if (random.Chance(0.3)) war.peers.latency_max = absl::Milliseconds(100);
  war.slow_disks = random.Chance(0.3);
  war.rolls = random.Chance(0.3);
  war.operator_drains = random.Chance(0.3);
  return war;
}

std::string Describe(const War& war) {
  return absl::StrCat("crashes=", war.crashes, " drains=", war.drains, " pauses=", war.pauses,
                      " clocks=", war.clock_jumps, " workers=", war.worker_restarts,
                      " commit_unavailable=", war.store.commit_unavailable_chance,
                      " unknown=", war.store.unknown_chance,
                      " call_unavailable=", war.store.call_unavailable_chance,
                      " lost=", war.network.request_lost_chance, "/", war.network.reply_lost_chance,
                      " doubled=", war.network.request_doubled_chance, " cuts=", war.cuts,
                      " slow_disks=", war.slow_disks, " rolls=", war.rolls,
                      " operator_drains=", war.operator_drains,
                      " peers=", war.peers.request_lost_chance, "/", war.peers.answer_lost_chance,
                      " commit_latency=", absl::FormatDuration(war.store.commit_latency_max));
}

Attackers::Attackers(Scheduler& scheduler, SimLoop& world, Cluster& cluster, Network& network,
                     PeerNetwork& peers, Ledger& ledger,
                     std::vector<std::shared_ptr<Worker>>& workers, War war)
    : scheduler_(scheduler),
      world_(world),
      cluster_(cluster),
      network_(network),
      peers_(peers),
      ledger_(ledger),
      workers_(workers),
      war_(war),
      random_(scheduler.random().Next()) {}

void Attackers::Begin() {
  network_.SetFaults(war_.network);
  peers_.SetFaults(war_.peers);
  cluster_.SetStoreFaults(war_.store);
  if (war_.crashes || war_.drains || war_.pauses) Again(&Attackers::AttackServer);
  if (war_.clock_jumps) Again(&Attackers::AttackClock);
  if (war_.worker_restarts) Again(&Attackers::AttackWorker);
  if (war_.cuts && cluster_.size() > 1) Again(&Attackers::AttackLink);
  if (war_.slow_disks) Again(&Attackers::AttackDisk);
  if (war_.operator_drains) Again(&Attackers::DrainByOperator);
  if (war_.rolls) {
    world_.After(absl::Milliseconds(static_cast<int64_t>(random_.Below(20'000))),
                 [this] { Roll(0); });
  }
}

void Attackers::StartWorker(size_t index) {
  if (workers_.size() <= index) workers_.resize(index + 1);
  if (workers_[index] != nullptr) workers_[index]->Kill();
  workers_[index] = std::make_shared<Worker>(scheduler_, world_, network_, ledger_,
                                             absl::StrCat("worker", index, ".", ++worker_lives_));
  if (!is_peace_) workers_[index]->SetFaults(war_.workers);
  workers_[index]->Begin();
}

void Attackers::Again(void (Attackers::*attack)()) {
  const int64_t mean_ms = absl::ToInt64Milliseconds(war_.mean_gap);
  world_.After(
      absl::Milliseconds(static_cast<int64_t>(random_.Below(static_cast<uint64_t>(2 * mean_ms)))),
      [this, attack] {
        if (is_peace_) return;
        (this->*attack)();
        Again(attack);
      });
}

void Attackers::AttackServer() {
  const int server = static_cast<int>(random_.Below(static_cast<uint64_t>(cluster_.size())));
  if (!cluster_.is_up(server)) return cluster_.Start(server);
  const uint64_t choice = random_.Below(3);
  if (choice == 0 && war_.crashes) {
    ledger_.Count("crash");
    cluster_.Crash(server);
    // The other half stays down until it is drawn again.
    if (random_.Chance(0.5)) cluster_.Start(server);
  } else if (choice == 1 && war_.drains) {
    ledger_.Count("drain");
    cluster_.DrainThenCrash(server);
  } else if (choice == 2 && war_.pauses) {
    ledger_.Count("server pause");
    const auto pause = absl::Milliseconds(static_cast<int64_t>(random_.Below(15'000)));
    cluster_.server(server)->PauseUntil(scheduler_.Now() + pause);
  }
}

void Attackers::AttackClock() {
  const int server = static_cast<int>(random_.Below(static_cast<uint64_t>(cluster_.size())));
  if (!cluster_.is_up(server)) return;
  ledger_.Count("clock jump");
  cluster_.server(server)->JumpClock(
      absl::Milliseconds(static_cast<int64_t>(random_.Below(4000)) - 2000));
}

void Attackers::AttackWorker() {
  if (workers_.empty()) return;
  ledger_.Count("worker restart");
  StartWorker(random_.Below(workers_.size()));
}

// One way or both, of one server's links or of all of them; healed when it is drawn again.
void Attackers::AttackLink() {
  if (random_.Chance(0.4)) return peers_.HealAll();
  ledger_.Count("cut link");
  const auto size = static_cast<uint64_t>(cluster_.size());
  const int from = static_cast<int>(random_.Below(size));
  const bool is_alone = random_.Chance(0.3);
  const bool is_one_way = random_.Chance(0.5);
  const int only = static_cast<int>(random_.Below(size));
  for (int to = 0; to < cluster_.size(); ++to) {
    if (to == from || (!is_alone && to != only)) continue;
    peers_.Cut(from, to);
    if (!is_one_way) peers_.Cut(to, from);
  }
}

// Commits take up to a second for a while: those of one server, or of all.
void Attackers::AttackDisk() {
  ledger_.Count("slow disk");
  store::simulated::SimulatedFaults slow = war_.store;
  slow.commit_latency_min = absl::Milliseconds(20);
  slow.commit_latency_max = absl::Milliseconds(200 + static_cast<int64_t>(random_.Below(800)));
  slow.read_latency_max = slow.commit_latency_max / 4;
  const bool is_everywhere = random_.Chance(0.5);
  const int only = static_cast<int>(random_.Below(static_cast<uint64_t>(cluster_.size())));
  for (int server = 0; server < cluster_.size(); ++server) {
    if (!cluster_.is_up(server) || (!is_everywhere && server != only)) continue;
    cluster_.server(server)->SetFaults(slow);
  }
  world_.After(absl::Milliseconds(1000 + static_cast<int64_t>(random_.Below(9000))), [this] {
    if (!is_peace_) cluster_.SetStoreFaults(war_.store);
  });
}

// Any number of them; taken back one by one, or by the peace.
void Attackers::DrainByOperator() {
  const int asked = static_cast<int>(random_.Below(static_cast<uint64_t>(cluster_.size())));
  network_.Call<cluster_api::DescribeMembersRequest, cluster_api::DescribeMembersResponse>(
      asked, "DescribeMembers", cluster_api::DescribeMembersRequest(), kOperatorPatience,
      [this, asked](absl::StatusOr<cluster_api::DescribeMembersResponse> response) {
        if (is_peace_ || !response.ok() || response->members().empty()) return;
        const auto& member = response->members(
            static_cast<int>(random_.Below(static_cast<uint64_t>(response->members_size()))));
        SetDrained(asked, member.incarnation(), random_.Chance(0.6));
      });
}

void Attackers::SetDrained(int asked, int64_t incarnation, bool is_drained) {
  cluster_api::DrainMemberRequest request;
  request.set_incarnation(incarnation);
  request.set_undo(!is_drained);
  network_.Call<cluster_api::DrainMemberRequest, cluster_api::DrainMemberResponse>(
      asked, "DrainMember", request, kOperatorPatience,
      [this, is_drained](absl::StatusOr<cluster_api::DrainMemberResponse> response) {
        const std::string what = is_drained ? "drain by an operator" : "drain taken back";
        ledger_.Count(response.ok() ? what : absl::StrCat(what, " refused"));
        const bool may_fail = response.ok() || IsPassing(response.status()) ||
                              response.status().code() == absl::StatusCode::kNotFound ||
                              response.status().code() == absl::StatusCode::kFailedPrecondition;
        if (!may_fail) {
          ledger_.Wrong(absl::StrCat(what, ": ", response.status().ToString()));
        }
      });
}

void Attackers::TakeDrainsBack() {
  const int asked = static_cast<int>(random_.Below(static_cast<uint64_t>(cluster_.size())));
  network_.Call<cluster_api::DescribeMembersRequest, cluster_api::DescribeMembersResponse>(
      asked, "DescribeMembers", cluster_api::DescribeMembersRequest(), kOperatorPatience,
      [this, asked](absl::StatusOr<cluster_api::DescribeMembersResponse> response) {
        if (response.ok()) {
          for (const auto& member : response->members()) {
            if (member.is_leaving()) SetDrained(asked, member.incarnation(), false);
          }
        }
        world_.After(absl::Seconds(2), [this] { TakeDrainsBack(); });
      });
}

void Attackers::Roll(int server) {
  if (is_peace_) return;
  if (server == cluster_.size()) return ledger_.Count("all servers replaced");
  if (cluster_.is_up(server)) cluster_.DrainThenCrash(server);
  RollOn(server, scheduler_.Now() + absl::Seconds(15));
}

// The next one comes when the one before is gone.
void Attackers::RollOn(int server, absl::Time limit) {
  if (is_peace_) return;
  // Another attacker may have been quicker.
  if (cluster_.is_up(server) && scheduler_.Now() < limit) {
    world_.After(absl::Milliseconds(100), [this, server, limit] { RollOn(server, limit); });
    return;
  }
  if (!cluster_.is_up(server)) {
    ledger_.Count("server replaced");
    cluster_.Start(server);
  }
  AwaitService(server, scheduler_.Now() + absl::Seconds(20));
}

void Attackers::AwaitService(int server, absl::Time limit) {
  if (is_peace_) return;
  const bool serves =
      cluster_.is_up(server) && cluster_.server(server)->state() == history::ServingState::kServing;
  if (serves || scheduler_.Now() >= limit) return Roll(server + 1);
  world_.After(absl::Milliseconds(100), [this, server, limit] { AwaitService(server, limit); });
}

void Attackers::MakePeace() {
  is_peace_ = true;
  network_.SetFaults({});
  peers_.SetFaults({});
  peers_.HealAll();
  cluster_.SetStoreFaults({});
  for (const auto& worker : workers_) worker->SetFaults({});
  for (int server = 0; server < cluster_.size(); ++server) {
    if (!cluster_.is_up(server)) cluster_.Start(server);
  }
  if (war_.operator_drains) TakeDrainsBack();
}

}  // namespace perdure::sim
