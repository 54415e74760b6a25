// This node's place in the cluster: it registers its incarnation and keeps it alive by heartbeat,
// fences others that are silent, and sees to it that the shards are shared out evenly: it claims
// what nobody owns, and hands over what others should have.
//
// All nodes read the same rows and compute the same shares; where they differ for a moment, the
// store decides: only a shard without an owner can be claimed, and only its owner hands one over.
//
// Loop-bound but for state().
#pragma once

#include <atomic>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "history/assignment.h"
#include "history/core.h"
#include "history/history.h"
#include "store/store.h"

namespace perdure::history {

class Ownership {
 public:
  Ownership(Core& core, HistoryOptions options);
  ~Ownership();

  void Begin(ClusterHooks hooks);
  // Hands over all shards, if there is anybody to take them, and gives up the rest; so that others
  // go on at once. `done` runs when nothing is owned any more.
  void Leave(absl::AnyInvocable<void() &&> done);
  // Hands over all shards and takes none, until that is undone or there is nobody else for what
  // this node does. FAILED_PRECONDITION if that is so already.
  absl::Status SetDrained(bool is_drained);
  // Looks now what is new, unless it has just done so.
  void Look();
  ServingState state() const { return state_.load(); }

 private:
  void Fenced();
  // False for what was begun in a life before this.
  bool IsCurrent(int64_t life) const { return !is_over_ && life == life_; }
  void Set(ServingState state);
  void Register();
  void Beat();
  void BeatIn(absl::Duration delay);
  void Heard(absl::Time sent, absl::StatusOr<store::ClusterState> state);
  void LookForRivals(absl::Time sent, const store::ClusterState& state);
  void FenceNext(std::vector<base::IncarnationId> silent);
  void ReadShards(int64_t version);
  void TakeShards(const std::vector<store::ShardOwner>& all);
  void Publish();
  void ShowState();
  // Claims or hands over what is next, if anything is.
  void Balance();
  void Claim(std::vector<base::ShardId> shards);
  void HandOver(base::IncarnationId to, std::vector<base::ShardId> shards);
  void HandedOver(base::IncarnationId to, const std::vector<base::ShardId>& shards,
                  const absl::Status& status);
  void GiveUp();
  bool IsLive(base::IncarnationId id) const;
  // Whether others do all that this node does.
  bool HasSubstitutes() const;

  Core& core_;
  const HistoryOptions options_;
  ClusterHooks hooks_;
  std::atomic<ServingState> state_{ServingState::kStarting};
  const store::NodeFacts self_;
  base::IncarnationId incarnation_;
  bool is_registered_ = false;
  absl::Time registered_at_;
  int64_t life_ = 0;  // rises whenever all begins anew
  runtime::TimerId timer_ = 0;
  runtime::TimerId beat_timer_ = 0;
  bool is_beating_ = false;   // one is under way
  bool beats_again_ = false;  // somebody asked meanwhile
  absl::Time last_beat_;
  absl::Time last_heard_;
  std::vector<services::Member> members_;    // that live, by id
  std::vector<base::IncarnationId> late_;    // of these, whose heartbeat is overdue
  std::vector<base::IncarnationId> silent_;  // of these, who are to be fenced: they serve nothing
  ShardOwners owners_{};
  int64_t shards_version_ = -1;
  int64_t registry_version_ = -1;
  bool is_reading_shards_ = false;
  bool is_moving_ = false;  // a claim or a hand-over is under way
  bool was_complete_ = false;
  bool is_drained_ = false;
  absl::AnyInvocable<void() &&> left_ = nullptr;  // set while it leaves
  bool is_over_ = false;
};

}  // namespace perdure::history
