// Fresh UUIDs for what a request left empty (request ids, update ids) and for new namespaces.
//
// Thread-safe, by a mutex held for a few instructions. Seeded, so that a simulation repeats.
#pragma once

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/random.h"

namespace perdure::frontend {

class UuidSource {
 public:
  explicit UuidSource(uint64_t seed) : random_(seed) {}

  std::string Next() {
    absl::MutexLock lock(&mutex_);
    return random_.Uuid();
  }

 private:
  absl::Mutex mutex_;
  base::Random random_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace perdure::frontend
