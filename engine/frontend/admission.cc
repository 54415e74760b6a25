#include "frontend/admission.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/log.h"
#include "temporal/api/enums/v1/failed_cause.pb.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::frontend {
namespace {

namespace api = temporal::api::workflowservice::v1;
namespace enums = temporal::api::enums::v1;

constexpr auto kLists = std::to_array<absl::string_view>(
    {"CountWorkflowExecutions", "ListArchivedWorkflowExecutions", "ListClosedWorkflowExecutions",
     "ListOpenWorkflowExecutions", "ListWorkflowExecutions", "ScanWorkflowExecutions"});
constexpr auto kLongPolls = std::to_array<absl::string_view>(
    {"ExecuteMultiOperation", "GetWorkflowExecutionHistory", "PollActivityTaskQueue",
     "PollWorkflowExecutionUpdate", "PollWorkflowTaskQueue", "QueryWorkflow",
     "UpdateWorkflowExecution"});
static_assert(std::is_sorted(kLists.begin(), kLists.end()));
static_assert(std::is_sorted(kLongPolls.begin(), kLongPolls.end()));

}  // namespace

bool Admission::IsList(absl::string_view method) {
  return std::binary_search(kLists.begin(), kLists.end(), method);
}

bool Admission::IsLongPoll(absl::string_view method, const google::protobuf::Message& request) {
  if (!std::binary_search(kLongPolls.begin(), kLongPolls.end(), method)) return false;
  const auto* history = dynamic_cast<const api::GetWorkflowExecutionHistoryRequest*>(&request);
  return history == nullptr || history->wait_new_event();
}

absl::Status Admission::TakeRequest(const services::Namespace& name_space, absl::string_view method,
                                    absl::Time now) {
  const bool is_list = IsList(method);
  const services::Limits& limits = name_space.limits;
  const int64_t rate = is_list ? limits.list_rate : limits.request_rate;
  if (rate <= 0) return absl::OkStatus();
  // Temporal: lists have no burst beyond their rate.
  const int64_t burst = is_list ? rate : rate * limits.request_burst_ratio;
  const absl::Duration interval = absl::Seconds(1) / rate;
  absl::MutexLock lock(&mutex_);
  absl::Time& due =
      due_.try_emplace(Key(name_space.number.value(), is_list ? "list" : ""), absl::InfinitePast())
          .first->second;
  const absl::Time next = std::max(due, now) + interval;
  if (next > now + burst * interval) {
    return base::ResourceExhausted(enums::RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT,
                                   "namespace rate limit exceeded");
  }
  due = next;
  return absl::OkStatus();
}

absl::Status Admission::TakeBytes(const services::Namespace& name_space,
                                  const google::protobuf::Message& request, absl::Time now) {
  const services::Limits& limits = name_space.limits;
  if (limits.request_bytes_rate <= 0) return absl::OkStatus();
  const absl::Duration cost = absl::Seconds(static_cast<double>(request.ByteSizeLong()) /
                                            static_cast<double>(limits.request_bytes_rate));
  absl::MutexLock lock(&mutex_);
  absl::Time& due =
      due_.try_emplace(Key(name_space.number.value(), "bytes"), absl::InfinitePast()).first->second;
  if (due > now + absl::Seconds(limits.request_burst_ratio)) {
    return base::ResourceExhausted(enums::RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT,
                                   "namespace request_bytes_limit exceeded");
  }
  due = std::max(due, now) + cost;
  return absl::OkStatus();
}

absl::Status Admission::BeginLongPoll(const services::Namespace& name_space,
                                      const std::string& method) {
  const int64_t limit = name_space.limits.long_polls;
  absl::MutexLock lock(&mutex_);
  int64_t& open = long_polls_[Key(name_space.number.value(), method)];
  if (limit > 0 && open >= limit) {
    return base::ResourceExhausted(enums::RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT,
                                   "namespace concurrent poller limit exceeded");
  }
  ++open;
  return absl::OkStatus();
}

void Admission::EndLongPoll(const services::Namespace& name_space, const std::string& method) {
  absl::MutexLock lock(&mutex_);
  const auto found = long_polls_.find(Key(name_space.number.value(), method));
  if (--found->second == 0) long_polls_.erase(found);
}

void Admission::NoteSize(const services::Namespace& name_space, const std::string& method,
                         const google::protobuf::Message& request) {
  const services::Limits& limits = name_space.limits;
  const auto size = static_cast<int64_t>(request.ByteSizeLong());
  // No part of a request is larger than all of it.
  if (size > limits.blob_size_warn_bytes) {
    Warn(name_space, method, "request", size, limits.blob_size_warn_bytes);
  }
  if (size <= limits.memo_size_warn_bytes) return;
  const auto* memo = request.GetDescriptor()->FindFieldByName("memo");
  const bool has_memo = memo != nullptr && !memo->is_repeated() &&
                        memo->message_type() != nullptr &&
                        request.GetReflection()->HasField(request, memo);
  if (!has_memo) return;
  const auto memo_size =
      static_cast<int64_t>(request.GetReflection()->GetMessage(request, memo).ByteSizeLong());
  if (memo_size <= limits.memo_size_warn_bytes) return;
  Warn(name_space, method, "memo", memo_size, limits.memo_size_warn_bytes);
}

void Admission::Warn(const services::Namespace& name_space, const std::string& method,
                     const char* what, int64_t size_bytes, int64_t limit_bytes) {
  if (metrics_ != nullptr) {
    metrics_
        ->CounterOf("size_warnings", "Requests and memos above their warning limit.",
                    {{"namespace", name_space.name}, {"operation", method}, {"what", what}})
        .Add();
  }
  {
    absl::MutexLock lock(&mutex_);
    if (!warned_.insert(Key(name_space.number.value(), absl::StrCat(method, " ", what))).second) {
      return;
    }
  }
  base::LogWarning("above the warning limit; told once for each namespace and operation",
                   {{"namespace", name_space.name},
                    {"operation", method},
                    {"what", what},
                    {"size_bytes", size_bytes},
                    {"limit_bytes", limit_bytes}});
}

}  // namespace perdure::frontend
