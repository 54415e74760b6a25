// What a node makes of its view of the cluster.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "services/cluster.h"
#include "services/tasks.h"

namespace perdure::cluster {

// Null if there is none of that id, or it does not live.
const services::Member* Find(const services::ClusterView& view, base::IncarnationId id);
const services::Member* OwnerOf(const services::ClusterView& view, base::ShardId shard);
// Who holds a task queue: by rendezvous hashing, so that a member that comes or goes moves no queue
// but those it takes or had. Null: nobody does matching just now.
const services::Member* MatchingFor(const services::ClusterView& view, base::NamespaceNumber number,
                                    absl::string_view task_queue, services::QueueKind kind);
// All others that hold task queues.
std::vector<services::Member> OthersWithMatching(const services::ClusterView& view);
// Whether no call could be for another node, nor wait for one: it has all, or knows of none.
inline bool IsAlone(const services::ClusterView& view) {
  return view.is_sole_owner || view.members.empty();
}
bool IsSelf(const services::ClusterView& view, const services::Member* member);
// Whether matching is shared out in the same way in both.
bool HasSameMatching(const services::ClusterView& a, const services::ClusterView& b);

// The newest view. Thread-safe.
class ViewKeeper final : public services::Cluster {
 public:
  ViewKeeper() : view_(std::make_shared<services::ClusterView>()) {}
  services::ClusterViewPtr view() const override {
    absl::MutexLock lock(&mutex_);
    return view_;
  }
  void Set(services::ClusterViewPtr view) {
    absl::MutexLock lock(&mutex_);
    view_ = std::move(view);
  }
  void Refresh() override {
    if (refresh_) refresh_();
  }
  void SetDrained(base::IncarnationId member, bool is_drained, Done done) override {
    set_drained_(member, is_drained, std::move(done));
  }
  // Before any other call. `refresh` may be called on any thread.
  void set_refresh(absl::AnyInvocable<void()> refresh) { refresh_ = std::move(refresh); }
  // The same for SetDrained.
  using Drain = absl::AnyInvocable<void(base::IncarnationId, bool is_drained, Done)>;
  void set_drain(Drain drain) { set_drained_ = std::move(drain); }

 private:
  absl::AnyInvocable<void()> refresh_;
  Drain set_drained_;
  mutable absl::Mutex mutex_;
  services::ClusterViewPtr view_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace perdure::cluster
