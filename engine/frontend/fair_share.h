// Which request goes next when there are more than the engine should have in hand: each namespace
// in turn, whatever each of them asks for.
//
// A request goes on at once while its namespace has less than an equal share in hand, or while all
// of them together have little enough. Otherwise it waits behind its own namespace's requests only.
// A namespace whose line is too long is refused. While only one namespace asks for anything, it may
// have far more in hand: batches make its throughput, and nobody else waits for them. While some
// ask for little and others for more than there is, those others have half as much: with the cores
// never quite taken up, the ones that ask for little hardly feel them. Where the database takes
// long to commit, requests in hand wait for it and not for a core, and all have as much more.
//
// Why: what a namespace has in hand stands in front of everybody's next request, in the engine's
// loop and in the next commit. Long polls do not count: they wait for work, they are none.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/ids.h"

namespace perdure::frontend {

// Thread-safe, by one mutex. Costs one lookup for a request that goes on at once.
class FairShare {
 public:
  // Called once, with OK when it is the request's turn; Leave must follow then. Another status
  // refuses it.
  using Turn = absl::AnyInvocable<void(absl::Status) &&>;

  // How long a commit takes of late; zero if nobody knows. Thread-safe.
  using CommitTime = absl::AnyInvocable<absl::Duration() const>;

  // `shared_max`: in hand at once while several namespaces are active. One alone may have sixteen
  // times that.
  explicit FairShare(int64_t shared_max, CommitTime commit_time = nullptr)
      : quick_max_(shared_max), commit_time_(std::move(commit_time)), shared_max_(shared_max) {}

  // True: the request goes on now, `turn` is left alone, and Leave must follow. False: `turn` has
  // been taken; it may already have been refused.
  bool Enter(base::NamespaceNumber name_space, absl::Time now, absl::Time deadline, Turn& turn);
  // The turns that have come, to be called by the caller with their status: OK, or
  // DEADLINE_EXCEEDED if the request has waited too long; Leave must follow either way. Not called
  // here, since they may lead back to here.
  struct Ready {
    base::NamespaceNumber name_space;
    Turn turn;
    absl::Status status;
  };
  std::vector<Ready> Leave(base::NamespaceNumber name_space, absl::Time now);

  int64_t in_hand() const;
  int64_t waiting() const;

 private:
  struct Waiting {
    Turn turn;
    absl::Time deadline;
  };
  struct Tenant {
    int64_t in_hand = 0;
    std::deque<Waiting> line;
    absl::Time seen_at = absl::InfinitePast();
    absl::Time waited_at = absl::InfinitePast();  // one of its requests had to
  };

  void CountActive(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Of one namespace, and of all together.
  int64_t Share() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int64_t Max() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Ready TakeFirst(int32_t number, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int64_t quick_max_;  // of those, where commits are quick
  const CommitTime commit_time_;
  mutable absl::Mutex mutex_;
  int64_t shared_max_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<int32_t, Tenant> tenants_ ABSL_GUARDED_BY(mutex_);
  std::deque<int32_t> turns_ ABSL_GUARDED_BY(mutex_);  // those with a line, in the order of turns
  int64_t in_hand_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t active_ ABSL_GUARDED_BY(mutex_) = 1;  // namespaces seen lately
  int64_t modest_ ABSL_GUARDED_BY(mutex_) = 0;  // those of them that had no need to wait
  absl::Time counted_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace perdure::frontend
