// Whether a namespace may have one more request now: the rate of its requests, that of its lists,
// their bytes, and its long polls at once. Also notes requests that are larger than they should be.
//
// Why here: a namespace that asks too much is turned away before its request costs anything, and
// the others do not notice. One per process; Temporal holds each of its frontends to the same
// limits.
//
// Thread-safe by one mutex, which is taken only for namespaces that have such a limit, for long
// polls, and for requests over a warning size.
#pragma once

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/metrics.h"
#include "google/protobuf/message.h"
#include "services/namespaces.h"

namespace perdure::frontend {

class Admission {
 public:
  // `metrics` may be null.
  explicit Admission(base::Metrics* metrics) : metrics_(metrics) {}

  // RESOURCE_EXHAUSTED with RPS_LIMIT if the namespace has had its share of this moment.
  absl::Status TakeRequest(const services::Namespace& name_space, absl::string_view method,
                           absl::Time now);
  // The same for the size of its requests. A request larger than what is left goes through and is
  // paid for by those that follow.
  absl::Status TakeBytes(const services::Namespace& name_space,
                         const google::protobuf::Message& request, absl::Time now);
  // RESOURCE_EXHAUSTED with CONCURRENT_LIMIT. After OK, EndLongPoll must follow.
  absl::Status BeginLongPoll(const services::Namespace& name_space, const std::string& method);
  void EndLongPoll(const services::Namespace& name_space, const std::string& method);
  // Counts a request above a warning limit; the first of each namespace and method is logged.
  void NoteSize(const services::Namespace& name_space, const std::string& method,
                const google::protobuf::Message& request);

  // Temporal counts these apart, because they cost more than the rest.
  static bool IsList(absl::string_view method);
  // Those that may be held for long. Temporal: ExecutionAPICountLimitOverride.
  static bool IsLongPoll(absl::string_view method, const google::protobuf::Message& request);

 private:
  // By namespace number and method; for the rates, "" stands for all but lists, "list" for those,
  // "bytes" for the sizes.
  using Key = std::pair<int32_t, std::string>;
  void Warn(const services::Namespace& name_space, const std::string& method, const char* what,
            int64_t size_bytes, int64_t limit_bytes);

  base::Metrics* const metrics_;
  absl::Mutex mutex_;
  // When the next request is due at the steady rate; a burst may run ahead of it.
  absl::flat_hash_map<Key, absl::Time> due_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<Key, int64_t> long_polls_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<Key> warned_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace perdure::frontend
