#include "worker-sdk/core/convert.h"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

namespace perdure::core {
namespace {

constexpr char kEncoding[] = "encoding";
constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

using FieldMap = google::protobuf::Map<std::string, api_common::Payload>;

PayloadMap MapFrom(FieldMap* fields) {
  PayloadMap map;
  for (auto& [name, payload] : *fields) map.emplace(name, FromApi(std::move(payload)));
  return map;
}

void MapTo(PayloadMap from, FieldMap* fields) {
  for (auto& [name, payload] : from) (*fields)[name] = ToApi(std::move(payload));
}

std::int64_t SaturatedNanos(std::int64_t seconds, std::int64_t nanos) {
  std::int64_t total;
  if (__builtin_mul_overflow(seconds, kNanosPerSecond, &total) ||
      __builtin_add_overflow(total, nanos, &total)) {
    return seconds < 0 ? std::numeric_limits<std::int64_t>::min()
                       : std::numeric_limits<std::int64_t>::max();
  }
  return total;
}

ApplicationFailureInfo From(api_failure::ApplicationFailureInfo* info) {
  ApplicationFailureInfo to;
  to.type = std::move(*info->mutable_type());
  to.non_retryable = info->non_retryable();
  if (info->has_details()) to.details = FromApi(std::move(*info->mutable_details()));
  if (info->has_next_retry_delay()) to.next_retry_delay = FromApi(info->next_retry_delay());
  to.category = static_cast<FailureCategory>(info->category());
  return to;
}

ActivityFailureInfo From(api_failure::ActivityFailureInfo* info) {
  return {.scheduled_event_id = info->scheduled_event_id(),
          .started_event_id = info->started_event_id(),
          .identity = std::move(*info->mutable_identity()),
          .activity_type = info->activity_type().name(),
          .activity_id = std::move(*info->mutable_activity_id()),
          .retry_state = static_cast<RetryState>(info->retry_state())};
}

ChildWorkflowFailureInfo From(api_failure::ChildWorkflowExecutionFailureInfo* info) {
  return {.namespace_ = std::move(*info->mutable_namespace_()),
          .workflow_id = info->workflow_execution().workflow_id(),
          .run_id = info->workflow_execution().run_id(),
          .workflow_type = info->workflow_type().name(),
          .initiated_event_id = info->initiated_event_id(),
          .started_event_id = info->started_event_id(),
          .retry_state = static_cast<RetryState>(info->retry_state())};
}

decltype(Failure::info) InfoFrom(api_failure::Failure* failure) {
  switch (failure->failure_info_case()) {
    case api_failure::Failure::kApplicationFailureInfo:
      return From(failure->mutable_application_failure_info());
    case api_failure::Failure::kTimeoutFailureInfo: {
      auto* info = failure->mutable_timeout_failure_info();
      return TimeoutFailureInfo{static_cast<TimeoutType>(info->timeout_type()),
                                FromApi(std::move(*info->mutable_last_heartbeat_details()))};
    }
    case api_failure::Failure::kCanceledFailureInfo: {
      auto* info = failure->mutable_canceled_failure_info();
      return CanceledFailureInfo{FromApi(std::move(*info->mutable_details())),
                                 std::move(*info->mutable_identity())};
    }
    case api_failure::Failure::kTerminatedFailureInfo:
      return TerminatedFailureInfo{failure->terminated_failure_info().identity()};
    case api_failure::Failure::kServerFailureInfo:
      return ServerFailureInfo{failure->server_failure_info().non_retryable()};
    case api_failure::Failure::kResetWorkflowFailureInfo:
      return ResetWorkflowFailureInfo{FromApi(std::move(
          *failure->mutable_reset_workflow_failure_info()->mutable_last_heartbeat_details()))};
    case api_failure::Failure::kActivityFailureInfo:
      return From(failure->mutable_activity_failure_info());
    case api_failure::Failure::kChildWorkflowExecutionFailureInfo:
      return From(failure->mutable_child_workflow_execution_failure_info());
    default: {
      // Nexus, or a kind that this code does not know, which protobuf keeps as an unknown field.
      // The other fields were moved out of the message, so what is left is the kind.
      std::string rest = failure->SerializeAsString();
      if (rest.empty()) return std::monostate();
      return OtherFailureInfo{std::move(rest)};
    }
  }
}

void InfoTo(const std::monostate&, api_failure::Failure*) {}
void InfoTo(const ApplicationFailureInfo& info, api_failure::Failure* failure) {
  auto* to = failure->mutable_application_failure_info();
  to->set_type(info.type);
  to->set_non_retryable(info.non_retryable);
  if (!info.details.empty()) *to->mutable_details() = ToApi(info.details);
  SetIf(info.next_retry_delay, [&] { return to->mutable_next_retry_delay(); });
  to->set_category(static_cast<temporal::api::enums::v1::ApplicationErrorCategory>(info.category));
}
void InfoTo(const TimeoutFailureInfo& info, api_failure::Failure* failure) {
  auto* to = failure->mutable_timeout_failure_info();
  to->set_timeout_type(static_cast<temporal::api::enums::v1::TimeoutType>(info.type));
  SetIf(info.last_heartbeat_details, [&] { return to->mutable_last_heartbeat_details(); });
}
void InfoTo(const CanceledFailureInfo& info, api_failure::Failure* failure) {
  auto* to = failure->mutable_canceled_failure_info();
  SetIf(info.details, [&] { return to->mutable_details(); });
  to->set_identity(info.identity);
}
void InfoTo(const TerminatedFailureInfo& info, api_failure::Failure* failure) {
  failure->mutable_terminated_failure_info()->set_identity(info.identity);
}
void InfoTo(const ServerFailureInfo& info, api_failure::Failure* failure) {
  failure->mutable_server_failure_info()->set_non_retryable(info.non_retryable);
}
void InfoTo(const ResetWorkflowFailureInfo& info, api_failure::Failure* failure) {
  auto* to = failure->mutable_reset_workflow_failure_info();
  SetIf(info.last_heartbeat_details, [&] { return to->mutable_last_heartbeat_details(); });
}
void InfoTo(const ActivityFailureInfo& info, api_failure::Failure* failure) {
  auto* to = failure->mutable_activity_failure_info();
  to->set_scheduled_event_id(info.scheduled_event_id);
  to->set_started_event_id(info.started_event_id);
  to->set_identity(info.identity);
  if (!info.activity_type.empty()) to->mutable_activity_type()->set_name(info.activity_type);
  to->set_activity_id(info.activity_id);
  to->set_retry_state(static_cast<temporal::api::enums::v1::RetryState>(info.retry_state));
}
void InfoTo(const ChildWorkflowFailureInfo& info, api_failure::Failure* failure) {
  auto* to = failure->mutable_child_workflow_execution_failure_info();
  to->set_namespace_(info.namespace_);
  if (!info.workflow_id.empty() || !info.run_id.empty()) {
    to->mutable_workflow_execution()->set_workflow_id(info.workflow_id);
    to->mutable_workflow_execution()->set_run_id(info.run_id);
  }
  if (!info.workflow_type.empty()) to->mutable_workflow_type()->set_name(info.workflow_type);
  to->set_initiated_event_id(info.initiated_event_id);
  to->set_started_event_id(info.started_event_id);
  to->set_retry_state(static_cast<temporal::api::enums::v1::RetryState>(info.retry_state));
}
void InfoTo(const OtherFailureInfo& info, api_failure::Failure* failure) {
  failure->MergeFromString(info.serialized_failure);
}

}  // namespace

Payload FromApi(api_common::Payload payload) {
  Payload to;
  to.data = std::move(*payload.mutable_data());
  for (auto& [key, value] : *payload.mutable_metadata()) {
    if (key == kEncoding) {
      to.encoding = std::move(value);
    } else {
      to.metadata.emplace_back(key, std::move(value));
    }
  }
  std::sort(to.metadata.begin(), to.metadata.end());
  return to;
}

Payloads FromApi(api_common::Payloads payloads) {
  Payloads to;
  to.reserve(payloads.payloads_size());
  for (auto& one : *payloads.mutable_payloads()) to.push_back(FromApi(std::move(one)));
  return to;
}

PayloadMap FromApi(api_common::Header header) { return MapFrom(header.mutable_fields()); }
PayloadMap FromApi(api_common::Memo memo) { return MapFrom(memo.mutable_fields()); }
PayloadMap FromApi(api_common::SearchAttributes attributes) {
  return MapFrom(attributes.mutable_indexed_fields());
}

Failure FromApi(api_failure::Failure failure) {
  Failure to;
  to.message = std::move(*failure.mutable_message());
  to.source = std::move(*failure.mutable_source());
  to.stack_trace = std::move(*failure.mutable_stack_trace());
  if (failure.has_encoded_attributes()) {
    to.encoded_attributes = FromApi(std::move(*failure.mutable_encoded_attributes()));
  }
  if (failure.has_cause()) to.cause = SharedFailure(std::move(*failure.mutable_cause()));
  failure.clear_message();
  failure.clear_source();
  failure.clear_stack_trace();
  failure.clear_encoded_attributes();
  failure.clear_cause();
  to.info = InfoFrom(&failure);
  return to;
}

FailurePtr SharedFailure(api_failure::Failure failure) {
  return std::make_shared<const Failure>(FromApi(std::move(failure)));
}

detail::RetryPolicyData FromApi(api_common::RetryPolicy policy) {
  detail::RetryPolicyData to;
  if (policy.has_initial_interval()) to.initial_interval = FromApi(policy.initial_interval());
  to.backoff_coefficient = policy.backoff_coefficient();
  if (policy.has_maximum_interval()) to.maximum_interval = FromApi(policy.maximum_interval());
  to.maximum_attempts = policy.maximum_attempts();
  for (auto& type : *policy.mutable_non_retryable_error_types()) {
    to.non_retryable_error_types.push_back(std::move(type));
  }
  return to;
}

detail::PriorityData FromApi(api_common::Priority priority) {
  return {.priority_key = priority.priority_key(),
          .fairness_key = std::move(*priority.mutable_fairness_key()),
          .fairness_weight = priority.fairness_weight()};
}

Nanos FromApi(const google::protobuf::Duration& duration) {
  return Nanos(SaturatedNanos(duration.seconds(), duration.nanos()));
}
Timestamp FromApi(const google::protobuf::Timestamp& timestamp) {
  return Timestamp(Nanos(SaturatedNanos(timestamp.seconds(), timestamp.nanos())));
}
std::optional<Nanos> TimeoutFromApi(const google::protobuf::Duration& duration) {
  const Nanos nanos = FromApi(duration);
  if (nanos.count() <= 0) return std::nullopt;
  return nanos;
}

api_common::Payload ToApi(Payload payload) {
  api_common::Payload to;
  auto& metadata = *to.mutable_metadata();
  if (!payload.encoding.empty()) metadata[kEncoding] = std::move(payload.encoding);
  for (auto& [key, value] : payload.metadata) metadata[key] = std::move(value);
  to.set_data(std::move(payload.data));
  return to;
}

api_common::Payloads ToApi(Payloads payloads) {
  api_common::Payloads to;
  to.mutable_payloads()->Reserve(static_cast<int>(payloads.size()));
  for (Payload& one : payloads) *to.add_payloads() = ToApi(std::move(one));
  return to;
}

api_common::Header HeaderToApi(PayloadMap fields) {
  api_common::Header to;
  MapTo(std::move(fields), to.mutable_fields());
  return to;
}
api_common::Memo MemoToApi(PayloadMap fields) {
  api_common::Memo to;
  MapTo(std::move(fields), to.mutable_fields());
  return to;
}
api_common::SearchAttributes SearchAttributesToApi(PayloadMap fields) {
  api_common::SearchAttributes to;
  MapTo(std::move(fields), to.mutable_indexed_fields());
  return to;
}

api_failure::Failure ToApi(const Failure& failure) {
  api_failure::Failure to;
  std::visit([&](const auto& info) { InfoTo(info, &to); }, failure.info);
  to.set_message(failure.message);
  to.set_source(failure.source);
  to.set_stack_trace(failure.stack_trace);
  if (failure.encoded_attributes)
    *to.mutable_encoded_attributes() = ToApi(*failure.encoded_attributes);
  if (failure.cause) *to.mutable_cause() = ToApi(*failure.cause);
  return to;
}

api_common::RetryPolicy ToApi(detail::RetryPolicyData policy) {
  api_common::RetryPolicy to;
  SetIf(policy.initial_interval, [&] { return to.mutable_initial_interval(); });
  to.set_backoff_coefficient(policy.backoff_coefficient);
  SetIf(policy.maximum_interval, [&] { return to.mutable_maximum_interval(); });
  to.set_maximum_attempts(policy.maximum_attempts);
  for (std::string& type : policy.non_retryable_error_types) {
    to.add_non_retryable_error_types(std::move(type));
  }
  return to;
}

api_common::Priority ToApi(detail::PriorityData priority) {
  api_common::Priority to;
  to.set_priority_key(priority.priority_key);
  to.set_fairness_key(std::move(priority.fairness_key));
  to.set_fairness_weight(priority.fairness_weight);
  return to;
}

Payload JsonText(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  Payload payload{"json/plain", "\""};
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      payload.data += '\\';
      payload.data += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      payload.data += "\\u00";
      payload.data += kHex[c >> 4];
      payload.data += kHex[c & 15];
    } else {
      payload.data += c;
    }
  }
  payload.data += '"';
  return payload;
}

google::protobuf::Duration ToApi(Nanos duration) {
  google::protobuf::Duration to;
  to.set_seconds(duration.count() / kNanosPerSecond);
  to.set_nanos(static_cast<std::int32_t>(duration.count() % kNanosPerSecond));
  return to;
}

google::protobuf::Timestamp ToApi(Timestamp timestamp) {
  // Nanoseconds of a timestamp count forward, also before 1970.
  const auto seconds = std::chrono::floor<std::chrono::seconds>(timestamp);
  google::protobuf::Timestamp to;
  to.set_seconds(seconds.time_since_epoch().count());
  to.set_nanos(static_cast<std::int32_t>((timestamp - seconds).count()));
  return to;
}

}  // namespace perdure::core
