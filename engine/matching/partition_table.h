// Which partitions this process has: asked for every poll and task, from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <tuple>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "services/tasks.h"

namespace perdure::matching {

// Thread-safe. Only a hint: what it sends to the engine's loop in vain goes home from there.
class PartitionTable {
 public:
  bool Has(base::NamespaceNumber number, const std::string& task_queue,
           services::QueueKind kind) const {
    if (count_.load(std::memory_order_relaxed) == 0) return false;
    absl::MutexLock lock(&mutex_);
    return keys_.contains(Key{number.value(), static_cast<int>(kind), task_queue});
  }
  void Set(base::NamespaceNumber number, const std::string& task_queue, services::QueueKind kind,
           bool is_there) {
    absl::MutexLock lock(&mutex_);
    const Key key{number.value(), static_cast<int>(kind), task_queue};
    if (is_there) {
      keys_.insert(key);
    } else {
      keys_.erase(key);
    }
    count_ = keys_.size();
  }

 private:
  using Key = std::tuple<int32_t, int, std::string>;

  std::atomic<size_t> count_ = 0;
  mutable absl::Mutex mutex_;
  absl::flat_hash_set<Key> keys_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace perdure::matching
