#include "rpc/health.h"

#include <utility>

namespace perdure::rpc {
namespace {

using grpc::health::v1::HealthCheckResponse;

constexpr absl::string_view kLiveness = "perdure.liveness";
constexpr absl::string_view kServices[] = {
    "",
    "temporal.api.workflowservice.v1.WorkflowService",
    "temporal.api.operatorservice.v1.OperatorService",
    kLiveness,
};

}  // namespace

absl::string_view NameOf(ServingState state) {
  switch (state) {
    case ServingState::kStarting:
      return "starting";
    case ServingState::kStandby:
      return "standby";
    case ServingState::kServing:
      return "serving";
    case ServingState::kStoreUnreachable:
      return "store unreachable";
    case ServingState::kStopping:
      return "stopping";
  }
  return "unknown";
}

void Health::Set(ServingState state) {
  absl::MutexLock watchers_lock(&watchers_mutex_);
  {
    absl::MutexLock lock(&state_mutex_);
    if (state_ == state || state_ == ServingState::kStopping) return;
    state_ = state;
  }
  for (auto& [id, watcher] : watchers_) watcher();
}

ServingState Health::state() const {
  absl::MutexLock lock(&state_mutex_);
  return state_;
}

std::optional<Health::ServingStatus> Health::StatusOf(absl::string_view service) const {
  bool known = false;
  for (const absl::string_view name : kServices) known = known || name == service;
  if (!known) return std::nullopt;
  const ServingState now = state();
  const bool is_serving =
      service == kLiveness ? now != ServingState::kStopping : now == ServingState::kServing;
  return is_serving ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

grpc::health::v1::HealthListResponse Health::List() const {
  grpc::health::v1::HealthListResponse response;
  for (const absl::string_view name : kServices) {
    (*response.mutable_statuses())[std::string(name)].set_status(*StatusOf(name));
  }
  return response;
}

int64_t Health::AddWatcher(Watcher watcher) {
  absl::MutexLock lock(&watchers_mutex_);
  watchers_.emplace(++last_watcher_, std::move(watcher));
  return last_watcher_;
}

void Health::RemoveWatcher(int64_t id) {
  absl::MutexLock lock(&watchers_mutex_);
  watchers_.erase(id);
}

}  // namespace perdure::rpc
