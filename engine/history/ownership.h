// Who serves: this process registers its incarnation, keeps it alive, and owns the shards as long
// as it is not fenced. Until the cluster is built one process owns all shards and the others wait
// as hot standby.
//
// Loop-bound but for state().
#pragma once

#include <atomic>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "history/core.h"
#include "history/history.h"
#include "store/store.h"

namespace perdure::history {

class Ownership {
 public:
  Ownership(Core& core, HistoryOptions options);
  ~Ownership();

  void Begin(absl::AnyInvocable<void(ServingState)> on_state);
  // Gives up what is owned, so that a standby takes over at once.
  void End();
  ServingState state() const { return state_.load(); }

 private:
  void Fenced();
  // False for what was begun in a life before this.
  bool IsCurrent(int64_t life) const { return !is_over_ && life == life_; }
  void Set(ServingState state);
  void Register();
  void Look();
  void Judge(std::vector<store::Incarnation> incarnations);
  void FenceNext(std::vector<base::IncarnationId> silent);
  void Claim();
  void Beat();
  // The database knew this process as alive at that time or later.
  void OwnedSince(absl::Time heard);
  void Again(absl::Duration delay, void (Ownership::*step)());

  Core& core_;
  const HistoryOptions options_;
  absl::AnyInvocable<void(ServingState)> on_state_;
  std::atomic<ServingState> state_{ServingState::kStarting};
  base::IncarnationId incarnation_;
  int64_t life_ = 0;  // rises whenever all begins anew
  runtime::TimerId timer_ = 0;
  runtime::TimerId beat_timer_ = 0;
  bool is_over_ = false;
};

}  // namespace perdure::history
