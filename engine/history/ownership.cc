#include "history/ownership.h"

#include <algorithm>
#include <utility>

#include "base/ids.h"

namespace perdure::history {
namespace {

std::vector<base::ShardId> AllShards() {
  std::vector<base::ShardId> shards;
  for (int32_t shard = 0; shard < base::kShardCount; ++shard) shards.emplace_back(shard);
  return shards;
}

}  // namespace

Ownership::Ownership(Core& core, HistoryOptions options)
    : core_(core), options_(std::move(options)) {
  core_.set_on_fenced([this] { Fenced(); });
}

Ownership::~Ownership() = default;

void Ownership::Begin(absl::AnyInvocable<void(ServingState)> on_state) {
  on_state_ = std::move(on_state);
  Register();
}

void Ownership::End() {
  is_over_ = true;
  core_.loop().Cancel(timer_);
  core_.loop().Cancel(beat_timer_);
  core_.StopServing();
  // By fencing ourselves: nothing is in flight any more, and a standby need not wait for our
  // silence.
  if (incarnation_.value() != 0) core_.store().Fence(incarnation_, [](absl::Status) {});
}

// By another, or while we were silent: what was cached is worthless. Anew, as a standby. Nothing
// that the life before this asked of the store may go on, or two lives would take turns to fence
// each other.
void Ownership::Fenced() {
  if (is_over_) return;
  core_.StopServing();
  core_.loop().Cancel(timer_);
  core_.loop().Cancel(beat_timer_);
  ++life_;
  Set(ServingState::kStandby);
  Again(absl::Seconds(1), &Ownership::Register);
}

void Ownership::Set(ServingState state) {
  if (state_.load() == state) return;
  state_.store(state);
  if (on_state_) on_state_(state);
}

void Ownership::Again(absl::Duration delay, void (Ownership::*step)()) {
  timer_ = core_.loop().After(delay, [this, step, life = life_] {
    if (IsCurrent(life)) (this->*step)();
  });
}

void Ownership::Register() {
  const absl::Time sent = core_.loop().Now();
  core_.store().RegisterIncarnation(
      options_.node_name, options_.address,
      [this, sent, life = life_](absl::StatusOr<base::IncarnationId> registered) {
        core_.loop().Post([this, sent, life, registered = std::move(registered)] {
          if (!IsCurrent(life)) return;
          if (!registered.ok()) {
            Set(ServingState::kStoreUnreachable);
            return Again(absl::Seconds(1), &Ownership::Register);
          }
          incarnation_ = *registered;
          OwnedSince(sent);
          Beat();
          Look();
        });
      });
}

void Ownership::OwnedSince(absl::Time heard) {
  // Where nobody else can come, nobody can have taken over.
  if (core_.store().is_shared()) core_.set_owned_until(heard + options_.owner_absence_max);
}

void Ownership::Look() {
  core_.store().ListIncarnations(
      [this, life = life_](absl::StatusOr<std::vector<store::Incarnation>> listed) {
        core_.loop().Post([this, life, listed = std::move(listed)]() mutable {
          if (!IsCurrent(life)) return;
          if (!listed.ok()) {
            Set(ServingState::kStoreUnreachable);
            return Again(absl::Seconds(1), &Ownership::Look);
          }
          Judge(*std::move(listed));
        });
      });
}

void Ownership::Judge(std::vector<store::Incarnation> incarnations) {
  std::vector<base::IncarnationId> silent;
  bool has_elder = false;
  absl::Duration until_next = absl::Seconds(1);
  for (const store::Incarnation& other : incarnations) {
    if (other.id == incarnation_ || other.is_fenced) continue;
    const absl::Duration remaining =
        (other.has_session ? options_.owner_silence_max : options_.owner_absence_max) -
        other.since_heartbeat;
    if (remaining < absl::ZeroDuration()) {
      silent.push_back(other.id);
    } else if (other.id < incarnation_) {
      // Of two that wait, the one that came first takes over.
      has_elder = true;
      until_next = std::min(until_next, remaining + absl::Milliseconds(20));
    }
  }
  if (has_elder) {
    Set(ServingState::kStandby);
    return Again(until_next, &Ownership::Look);
  }
  FenceNext(std::move(silent));
}

void Ownership::FenceNext(std::vector<base::IncarnationId> silent) {
  if (silent.empty()) return Claim();
  const base::IncarnationId id = silent.back();
  silent.pop_back();
  core_.store().Fence(
      id, [this, life = life_, silent = std::move(silent)](absl::Status status) mutable {
        core_.loop().Post(
            [this, life, status = std::move(status), silent = std::move(silent)]() mutable {
              if (!IsCurrent(life)) return;
              if (!status.ok()) return Again(absl::Seconds(1), &Ownership::Look);
              FenceNext(std::move(silent));
            });
      });
}

void Ownership::Claim() {
  core_.store().ClaimShards(
      incarnation_, AllShards(),
      [this, life = life_](absl::StatusOr<std::vector<store::ShardOwner>> owned) {
        core_.loop().Post([this, life, owned = std::move(owned)] {
          if (!IsCurrent(life)) return;
          if (!owned.ok() || static_cast<int32_t>(owned->size()) < base::kShardCount) {
            return Again(absl::Seconds(1), &Ownership::Look);
          }
          core_.Serve(incarnation_, *owned);
          Set(ServingState::kServing);
        });
      });
}

void Ownership::Beat() {
  const absl::Time sent = core_.loop().Now();
  core_.store().Heartbeat(incarnation_, [this, sent, life = life_](absl::Status status) {
    core_.loop().Post([this, sent, life, status = std::move(status)] {
      if (!IsCurrent(life)) return;
      if (status.code() == absl::StatusCode::kAborted) return Fenced();
      if (status.ok()) OwnedSince(sent);
      beat_timer_ = core_.loop().AtLeisure(options_.heartbeat_interval, [this, life] {
        if (IsCurrent(life)) Beat();
      });
    });
  });
}

}  // namespace perdure::history
