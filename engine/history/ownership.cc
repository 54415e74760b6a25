#include "history/ownership.h"

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "base/ids.h"
#include "base/log.h"
#include "history/rival.h"

namespace perdure::history {
namespace {

// Shards that are handed over at a time: their pause lasts as long as their last commits.
constexpr size_t kHandOverMax = 64;
// Beats that are asked for come no faster than that.
constexpr absl::Duration kLookInterval = absl::Milliseconds(20);
// One that has missed a beat is given nothing: it may be at its end.
constexpr double kLateBeats = 2.5;
constexpr absl::Duration kRetry = absl::Seconds(1);
// From the end of a life to the next.
constexpr absl::Duration kRest = absl::Milliseconds(100);

std::vector<services::Member> LiveMembers(const std::vector<store::Incarnation>& incarnations) {
  std::vector<services::Member> members;
  for (const store::Incarnation& one : incarnations) {
    if (one.is_fenced) continue;
    members.push_back(
        {one.id, one.node.node_name, one.node.address, one.node.roles, one.is_leaving});
  }
  return members;
}

bool IsOneOf(const std::vector<base::IncarnationId>& ids, base::IncarnationId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

Ownership::Ownership(Core& core, HistoryOptions options)
    : core_(core),
      options_(std::move(options)),
      self_{options_.node_name, options_.address, options_.roles} {
  core_.set_on_fenced([this] { Fenced(); });
}

Ownership::~Ownership() = default;

void Ownership::Begin(ClusterHooks hooks) {
  hooks_ = std::move(hooks);
  Register();
}

// By another, or while we were silent: what was cached is worthless. Anew. Nothing that the life
// before this asked of the store may go on, or two lives would take turns to fence each other.
void Ownership::Fenced() {
  if (is_over_) return;
  core_.StopServing();
  core_.loop().Cancel(timer_);
  core_.loop().Cancel(beat_timer_);
  ++life_;
  is_registered_ = false;
  is_beating_ = beats_again_ = is_reading_shards_ = is_moving_ = false;
  members_.clear();
  owners_ = {};
  shards_version_ = registry_version_ = -1;
  was_complete_ = false;
  if (left_) return GiveUp();
  Set(ServingState::kStandby);
  Publish();
  timer_ = core_.loop().After(kRest, [this, life = life_] {
    if (IsCurrent(life)) Register();
  });
}

void Ownership::Set(ServingState state) {
  if (state_.load() == state) return;
  state_.store(state);
  if (hooks_.on_state) hooks_.on_state(state);
}

void Ownership::Register() {
  core_.store().RegisterIncarnation(
      self_, [this, life = life_](absl::StatusOr<base::IncarnationId> registered) {
        core_.loop().Post([this, life, registered = std::move(registered)] {
          if (!IsCurrent(life)) return;
          if (!registered.ok()) {
            Set(ServingState::kStoreUnreachable);
            timer_ = core_.loop().After(kRetry, [this, life] {
              if (IsCurrent(life)) Register();
            });
            return;
          }
          incarnation_ = *registered;
          is_registered_ = true;
          last_heard_ = registered_at_ = core_.loop().Now();
          core_.Serve(incarnation_);
          Beat();
        });
      });
}

// --- Heartbeats
// ---------------------------------------------------------------------------------------

void Ownership::Look() {
  // Whoever looked as an incarnation that is fenced would put off the next one.
  if (is_over_ || !is_registered_) return;
  if (is_beating_) {
    beats_again_ = true;
    return;
  }
  const absl::Duration wait = last_beat_ + kLookInterval - core_.loop().Now();
  if (wait > absl::ZeroDuration()) return BeatIn(wait);
  Beat();
}

void Ownership::BeatIn(absl::Duration delay) {
  core_.loop().Cancel(beat_timer_);
  const auto beat = [this, life = life_] {
    if (IsCurrent(life) && !is_beating_) Beat();
  };
  beat_timer_ = delay < options_.heartbeat_interval ? core_.loop().After(delay, beat)
                                                    : core_.loop().AtLeisure(delay, beat);
}

void Ownership::Beat() {
  core_.loop().Cancel(beat_timer_);
  is_beating_ = true;
  beats_again_ = false;
  last_beat_ = core_.loop().Now();
  core_.store().Heartbeat(
      incarnation_, /*is_leaving=*/is_drained_ || left_,
      [this, sent = last_beat_, life = life_](absl::StatusOr<store::ClusterState> state) {
        core_.loop().Post([this, sent, life, state = std::move(state)] {
          if (IsCurrent(life)) Heard(sent, std::move(state));
        });
      });
}

void Ownership::Heard(absl::Time sent, absl::StatusOr<store::ClusterState> state) {
  is_beating_ = false;
  if (state.status().code() == absl::StatusCode::kAborted) return Fenced();
  BeatIn(beats_again_ ? kLookInterval : options_.heartbeat_interval);
  if (!state.ok()) {
    if (core_.loop().Now() - last_heard_ > options_.owner_absence_max) {
      Set(ServingState::kStoreUnreachable);
    }
    return;
  }
  LookForRivals(sent, *state);
  last_heard_ = sent;
  // Where nobody else can come, nobody can have taken over.
  if (core_.store().is_shared()) core_.set_owned_until(sent + options_.owner_absence_max);
  if (state->registry_version != registry_version_) {
    registry_version_ = state->registry_version;
    if (hooks_.on_registry) hooks_.on_registry();
  }
  silent_.clear();
  late_.clear();
  for (const store::Incarnation& other : state->incarnations) {
    if (other.id == incarnation_ || other.is_fenced) continue;
    const absl::Duration max =
        other.has_session ? options_.owner_silence_max : options_.owner_absence_max;
    const bool is_former_life = other.id < incarnation_ && IsFormerLife(self_, other.node);
    if (is_former_life || other.since_heartbeat > max) silent_.push_back(other.id);
    if (other.since_heartbeat > kLateBeats * options_.heartbeat_interval) late_.push_back(other.id);
  }
  if (!silent_.empty()) FenceNext(silent_);
  std::vector<services::Member> members = LiveMembers(state->incarnations);
  if (members != members_) {
    members_ = std::move(members);
    Publish();
  } else {
    ShowState();
  }
  if (state->shards_version != shards_version_ && !is_reading_shards_) {
    return ReadShards(state->shards_version);
  }
  Balance();
}

// Both began at once, or it took our place while we were frozen. Whoever was there first stays.
void Ownership::LookForRivals(absl::Time sent, const store::ClusterState& state) {
  for (const store::Incarnation& other : state.incarnations) {
    if (other.is_fenced || other.id > incarnation_ || !IsRival(self_, other.node)) continue;
    // It may be dead unless it was heard of since we came.
    if (other.since_heartbeat >= sent - registered_at_) continue;
    if (hooks_.on_rival) std::exchange(hooks_.on_rival, nullptr)(RefusalOf(self_, other.node));
    return;
  }
}

void Ownership::FenceNext(std::vector<base::IncarnationId> silent) {
  if (silent.empty()) return Look();
  const base::IncarnationId id = silent.back();
  silent.pop_back();
  base::LogWarning("a node is silent, or was at our address before: it is fenced",
                   {{"incarnation", id.value()}});
  core_.store().Fence(id, [this, life = life_,
                           silent = std::move(silent)](const absl::Status& status) mutable {
    core_.loop().Post([this, life, is_done = status.ok(), silent = std::move(silent)]() mutable {
      // The next beat finds it again, if it could not be done.
      if (IsCurrent(life) && is_done) FenceNext(std::move(silent));
    });
  });
}

// --- Shards
// -------------------------------------------------------------------------------------------

bool Ownership::IsLive(base::IncarnationId id) const {
  return std::any_of(members_.begin(), members_.end(),
                     [id](const services::Member& member) { return member.id == id; });
}

void Ownership::ReadShards(int64_t version) {
  is_reading_shards_ = true;
  core_.store().ListShards(
      [this, version, life = life_](absl::StatusOr<std::vector<store::ShardOwner>> all) {
        core_.loop().Post([this, version, life, all = std::move(all)] {
          if (!IsCurrent(life)) return;
          is_reading_shards_ = false;
          if (!all.ok()) return;
          shards_version_ = version;
          TakeShards(*all);
        });
      });
}

void Ownership::TakeShards(const std::vector<store::ShardOwner>& all) {
  owners_ = {};
  for (const store::ShardOwner& one : all) {
    owners_[static_cast<size_t>(one.shard.value())] = one.owner;
  }
  Publish();
  Balance();
}

void Ownership::Publish() {
  auto view = std::make_shared<services::ClusterView>();
  view->self = incarnation_;
  view->members = members_;
  view->owners = owners_;
  view->is_sole_owner = members_.size() == 1 && std::all_of(owners_.begin(), owners_.end(),
                                                            [this](base::IncarnationId owner) {
                                                              return owner == incarnation_;
                                                            });
  if (hooks_.on_view) hooks_.on_view(std::move(view));
  ShowState();
}

void Ownership::ShowState() {
  if (members_.empty() || left_) return;
  const bool is_complete =
      was_complete_ || std::all_of(owners_.begin(), owners_.end(), [this](base::IncarnationId id) {
        return IsLive(id) && !IsOneOf(silent_, id) &&
               (id != incarnation_ || !core_.shards().empty());
      });
  was_complete_ = is_complete;
  Set(is_complete ? ServingState::kServing : ServingState::kStandby);
}

void Ownership::Balance() {
  if (is_drained_ && !HasSubstitutes()) {
    base::LogWarning("there is no other node any more: this one is no longer drained");
    is_drained_ = false;
    Look();
  }
  if (is_moving_ || shards_version_ < 0 || is_reading_shards_) return;
  std::vector<base::IncarnationId> takers;
  for (const services::Member& member : members_) {
    const bool takes = (member.roles & base::kRoleHistory) != 0 && !member.is_leaving &&
                       !IsOneOf(late_, member.id);
    const bool is_self = member.id == incarnation_;
    if (takes && !(is_self && (is_drained_ || left_))) takers.push_back(member.id);
  }
  const ShardOwners wanted = AssignShards(takers, owners_);
  std::vector<base::ShardId> to_claim;
  std::vector<base::ShardId> to_give;
  base::IncarnationId taker;
  for (int32_t i = 0; i < base::kShardCount; ++i) {
    const base::ShardId shard(i);
    const base::IncarnationId owner = owners_[static_cast<size_t>(i)];
    const base::IncarnationId wants = wanted[static_cast<size_t>(i)];
    // Also what is ours already and not served yet: handed over to us.
    const bool is_free = owner == incarnation_ ? !core_.Serves(shard) : !IsLive(owner);
    if (is_free && (wants == incarnation_ || (owner == incarnation_ && !left_))) {
      to_claim.push_back(shard);
    }
    if (owner != incarnation_ || !core_.Serves(shard) || wants == incarnation_) continue;
    if (wants.value() == 0) continue;
    if (taker.value() == 0) taker = wants;
    if (wants == taker && to_give.size() < kHandOverMax) to_give.push_back(shard);
  }
  if (!to_claim.empty()) return Claim(std::move(to_claim));
  if (!to_give.empty()) return HandOver(taker, std::move(to_give));
  if (left_) GiveUp();
}

void Ownership::Claim(std::vector<base::ShardId> shards) {
  is_moving_ = true;
  core_.store().ClaimShards(
      incarnation_, std::move(shards),
      [this, life = life_](absl::StatusOr<std::vector<store::ShardOwner>> owned) {
        core_.loop().Post([this, life, owned = std::move(owned)] {
          if (!IsCurrent(life)) return;
          is_moving_ = false;
          // Asked for again at the next beat.
          if (!owned.ok()) return;
          for (const store::ShardOwner& one : *owned) {
            owners_[static_cast<size_t>(one.shard.value())] = one.owner;
          }
          core_.AddShards(*owned);
          Publish();
          // Another may have been quicker with some.
          Look();
        });
      });
}

void Ownership::HandOver(base::IncarnationId to, std::vector<base::ShardId> shards) {
  is_moving_ = true;
  core_.ReleaseShards(shards, [this, to, shards, life = life_] {
    if (!IsCurrent(life)) return;
    core_.store().HandOver(incarnation_, to, shards, [this, to, shards, life](absl::Status status) {
      core_.loop().Post([this, to, shards, life, status] {
        if (IsCurrent(life)) HandedOver(to, shards, status);
      });
    });
  });
}

void Ownership::HandedOver(base::IncarnationId to, const std::vector<base::ShardId>& shards,
                           const absl::Status& status) {
  is_moving_ = false;
  if (status.code() == absl::StatusCode::kAborted) return Fenced();
  if (!status.ok()) base::LogWarning("shards could not be handed over", {{"error", status}});
  if (!status.ok() && status.code() != absl::StatusCode::kFailedPrecondition) {
    // It may be done, or be done later, behind whatever is read now: nothing of these shards may be
    // written here any more. The fence waits for it, or forbids it.
    core_.store().Fence(incarnation_, [](const absl::Status&) {});
    return Fenced();
  }
  if (!status.ok()) {
    // Nothing has moved, and nothing will: what stayed ours is claimed again.
    shards_version_ = -1;
    timer_ = core_.loop().After(absl::Milliseconds(50), [this, life = life_] {
      if (IsCurrent(life) && !is_reading_shards_) Look();
    });
    return;
  }
  for (const base::ShardId shard : shards) owners_[static_cast<size_t>(shard.value())] = to;
  Publish();
  for (const services::Member& member : members_) {
    // The taker first of all; the others, so that they ask it and not us.
    if (member.id != incarnation_ && hooks_.announce) hooks_.announce(member);
  }
  Balance();
}

// --- Drained by an operator
// -----------------------------------------------------------------------------

bool Ownership::HasSubstitutes() const {
  int32_t roles = 0;
  for (const services::Member& member : members_) {
    if (member.id != incarnation_ && !member.is_leaving) roles |= member.roles;
  }
  return (options_.roles & ~roles) == 0;
}

absl::Status Ownership::SetDrained(bool is_drained) {
  if (is_drained && !HasSubstitutes()) {
    return base::FailedPrecondition("no other node does what this one does");
  }
  base::LogInfo(is_drained ? "drained: all is handed over" : "no longer drained");
  is_drained_ = is_drained;
  // With this beat the others know.
  Look();
  return absl::OkStatus();
}

// --- The end
// ------------------------------------------------------------------------------------------

void Ownership::Leave(absl::AnyInvocable<void() &&> done) {
  left_ = std::move(done);
  // Alone, or not in the cluster at all.
  const bool has_taker =
      std::any_of(members_.begin(), members_.end(), [this](const services::Member& member) {
        return member.id != incarnation_ && !member.is_leaving &&
               (member.roles & base::kRoleHistory) != 0;
      });
  if (!has_taker || core_.shards().empty()) {
    return core_.WhenIdle([this] { GiveUp(); });
  }
  // With this beat the others know that they must not give us anything.
  Look();
}

void Ownership::GiveUp() {
  if (is_over_) return;
  is_over_ = true;
  core_.loop().Cancel(timer_);
  core_.loop().Cancel(beat_timer_);
  core_.StopServing();
  // By fencing ourselves: nothing is in flight any more, and nobody need wait for our silence.
  if (incarnation_.value() != 0) core_.store().Fence(incarnation_, [](absl::Status) {});
  std::move(left_)();
}

}  // namespace perdure::history
