// What the server says of itself: to grpc.health.v1 probes, to /readyz, to whoever watches.
//
// Services: "" and the two Temporal services are SERVING only while the server serves;
// "perdure.liveness" is SERVING as long as the process is not stopping, so that a standby, or a
// server that waits for its store, is not restarted by its supervisor.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "grpc/health/v1/health.pb.h"

namespace perdure::rpc {

enum class ServingState { kStarting, kStandby, kServing, kStoreUnreachable, kStopping };

// "starting", "standby", "serving", "store unreachable", "stopping".
absl::string_view NameOf(ServingState state);

// Thread-safe.
class Health {
 public:
  using ServingStatus = grpc::health::v1::HealthCheckResponse::ServingStatus;
  using Watcher = absl::AnyInvocable<void()>;

  // Tells the watchers, on the calling thread. Nothing leaves kStopping.
  void Set(ServingState state);
  ServingState state() const;

  // Empty if the service is unknown.
  std::optional<ServingStatus> StatusOf(absl::string_view service) const;
  grpc::health::v1::HealthListResponse List() const;

  // `watcher` runs after every change, under a lock: it must not call back into Health but for
  // StatusOf. It never runs after RemoveWatcher returns.
  int64_t AddWatcher(Watcher watcher);
  void RemoveWatcher(int64_t id);

 private:
  mutable absl::Mutex state_mutex_;
  ServingState state_ ABSL_GUARDED_BY(state_mutex_) = ServingState::kStarting;
  absl::Mutex watchers_mutex_ ABSL_ACQUIRED_BEFORE(state_mutex_);
  int64_t last_watcher_ ABSL_GUARDED_BY(watchers_mutex_) = 0;
  std::map<int64_t, Watcher> watchers_ ABSL_GUARDED_BY(watchers_mutex_);
};

}  // namespace perdure::rpc
