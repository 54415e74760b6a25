#include "sim/peers.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace perdure::sim {
namespace {

// A caller that set no deadline hears by then that the connection is lost.
constexpr absl::Duration kLostAfter = absl::Seconds(20);

}  // namespace

class PeerNetwork::Link final : public cluster::Peers {
 public:
  Link(PeerNetwork& network, int from, int64_t life)
      : network_(network), from_(from), life_(life) {}
  void Call(const services::Member& to, cluster::wire::Request request,
            services::CallContext context, services::Reply<std::string> reply) override {
    network_.Send(from_, life_, to.address, std::move(request), std::move(context),
                  std::move(reply));
  }

 private:
  PeerNetwork& network_;
  const int from_;
  const int64_t life_;
};

std::string PeerNetwork::AddressOf(int server) { return absl::StrCat("node:", server); }

std::unique_ptr<cluster::Peers> PeerNetwork::PeersOf(int server) {
  return std::make_unique<Link>(*this, server, servers_[server].life);
}

void PeerNetwork::SetServer(int server, cluster::NodeHandler* handler) {
  Server& entry = servers_[server];
  entry.handler = handler;
  if (handler != nullptr) return;
  ++entry.life;
  for (auto it = open_.begin(); it != open_.end();) {
    // The answers to a server that is gone go nowhere.
    if (it->second.from == server) {
      world_.Cancel(it->second.timer);
      it = open_.erase(it);
      continue;
    }
    if (it->second.to == server) {
      it->second.cancellation = std::make_shared<services::Cancellation>();
      world_.After(Latency(), [this, id = it->first] {
        Finish(id, absl::UnavailableError("connection to the other node lost"));
      });
    }
    ++it;
  }
}

absl::Duration PeerNetwork::Latency() {
  return absl::Nanoseconds(static_cast<int64_t>(scheduler_.random().Below(
      static_cast<uint64_t>(absl::ToInt64Nanoseconds(faults_.latency_max)) + 1)));
}

void PeerNetwork::Send(int from, int64_t life, const std::string& address,
                       cluster::wire::Request request, services::CallContext context,
                       services::Reply<std::string> reply) {
  if (servers_[from].life != life) return;
  int to = 0;
  if (!absl::SimpleAtoi(absl::string_view(address).substr(5), &to)) return;
  const uint64_t id = ++last_call_;
  Open& open = open_[id];
  open.from = from;
  open.to = to;
  open.reply = std::move(reply);
  open.cancellation = std::make_shared<services::Cancellation>();
  const absl::Duration timeout = request.timeout_us() > 0
                                     ? absl::Microseconds(request.timeout_us()) + absl::Seconds(1)
                                     : kLostAfter;
  open.timer = world_.After(timeout, [this, id] {
    Finish(id, absl::UnavailableError("no answer from the other node in time"));
  });
  if (context.cancellation != nullptr) {
    context.cancellation->OnCancel([this, id] {
      const auto found = open_.find(id);
      if (found != open_.end()) found->second.cancellation->Cancel();
    });
  }
  if (IsCut(from, to)) return;
  if (scheduler_.random().Chance(faults_.request_lost_chance)) return;
  world_.Post([this, id, from, to, life = servers_[to].life, request = std::move(request)] {
    world_.After(Latency(),
                 [this, id, from, to, life, request] { Arrive(id, from, to, life, request); });
  });
}

void PeerNetwork::Arrive(uint64_t call, int from, int to, int64_t life,
                         cluster::wire::Request request) {
  const Server& target = servers_[to];
  if (target.handler == nullptr || target.life != life) {
    if (IsCut(to, from)) return;
    // Refused, so it certainly did not begin there.
    world_.After(Latency(), [this, call] { Finish(call, base::ShardMoved()); });
    return;
  }
  const auto open = open_.find(call);
  auto cancellation =
      open != open_.end() ? open->second.cancellation : std::make_shared<services::Cancellation>();
  target.handler->Handle(std::move(request), std::move(cancellation),
                         [this, call, from, to, life](absl::StatusOr<std::string> answer) {
                           // From any loop of that server.
                           if (servers_[to].life != life || IsCut(to, from)) return;
                           if (scheduler_.random().Chance(faults_.answer_lost_chance)) return;
                           world_.Post([this, call, answer = std::move(answer)]() mutable {
                             world_.After(Latency(),
                                          [this, call, answer = std::move(answer)]() mutable {
                                            Finish(call, std::move(answer));
                                          });
                           });
                         });
}

void PeerNetwork::Finish(uint64_t call, absl::StatusOr<std::string> answer) {
  const auto found = open_.find(call);
  if (found == open_.end()) return;
  Open open = std::move(found->second);
  open_.erase(found);
  world_.Cancel(open.timer);
  open.cancellation->Cancel();
  std::move(open.reply)(std::move(answer));
}

}  // namespace perdure::sim
