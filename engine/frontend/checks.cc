#include "frontend/checks.h"

#include "absl/strings/match.h"
#include "base/ids.h"
#include "frontend/wire_time.h"
#include "temporal/api/enums/v1/task_queue.pb.h"

namespace perdure::frontend {
namespace {

namespace enums = temporal::api::enums::v1;
using base::InvalidArgument;

// Temporal: below this a poll is refused rather than answered empty at once.
constexpr absl::Duration kLongPollMin = absl::Seconds(2);
constexpr char kReservedQueuePrefix[] = "/_sys/";
// Temporal cuts every duration to a hundred years of 365 days.
constexpr int64_t kDurationMaxSeconds = int64_t{100} * 365 * 24 * 3600;
constexpr size_t kFairnessKeyMax = 64;
constexpr size_t kTokenMax = 64 << 10;
// Longest callback URL and largest header block, as Temporal's defaults.
constexpr size_t kCallbackUrlMax = 1000;
constexpr size_t kCallbackHeaderMax = 8 << 10;

absl::Status CheckQueueName(absl::string_view name, const services::Limits& limits,
                            bool may_be_partition) {
  if (static_cast<int64_t>(name.size()) > limits.id_length) {
    return InvalidArgument("taskQueue length exceeds limit");
  }
  if (!may_be_partition && absl::StartsWith(name, kReservedQueuePrefix)) {
    return InvalidArgument(
        absl::StrCat("task queue name cannot start with reserved prefix ", kReservedQueuePrefix));
  }
  return absl::OkStatus();
}

absl::Status CheckSet(absl::string_view value, absl::string_view kind, absl::string_view field) {
  if (!value.empty()) return absl::OkStatus();
  return InvalidArgument(absl::StrCat(kind, " link must not have an empty ", field));
}

absl::Status CheckEventLink(const common::Link::WorkflowEvent& link) {
  PERDURE_RETURN_IF_ERROR(CheckSet(link.namespace_(), "workflow event", "namespace field"));
  PERDURE_RETURN_IF_ERROR(CheckSet(link.workflow_id(), "workflow event", "workflow ID field"));
  PERDURE_RETURN_IF_ERROR(CheckSet(link.run_id(), "workflow event", "run ID field"));
  const bool is_untyped = link.event_ref().event_type() == enums::EVENT_TYPE_UNSPECIFIED;
  if (is_untyped && link.event_ref().event_id() != 0) {
    return InvalidArgument(
        "workflow event link ref cannot have an unspecified event type and a non-zero event ID");
  }
  return absl::OkStatus();
}

absl::Status CheckLink(const common::Link& link) {
  switch (link.variant_case()) {
    case common::Link::kWorkflowEvent:
      return CheckEventLink(link.workflow_event());
    case common::Link::kBatchJob:
      return CheckSet(link.batch_job().job_id(), "batch job", "job ID");
    case common::Link::kActivity:
      PERDURE_RETURN_IF_ERROR(
          CheckSet(link.activity().namespace_(), "activity", "namespace field"));
      PERDURE_RETURN_IF_ERROR(
          CheckSet(link.activity().activity_id(), "activity", "activity ID field"));
      return CheckSet(link.activity().run_id(), "activity", "run ID field");
    case common::Link::kNexusOperation:
      PERDURE_RETURN_IF_ERROR(
          CheckSet(link.nexus_operation().namespace_(), "nexus operation", "namespace field"));
      PERDURE_RETURN_IF_ERROR(
          CheckSet(link.nexus_operation().operation_id(), "nexus operation", "operation ID field"));
      return CheckSet(link.nexus_operation().run_id(), "nexus operation", "run ID field");
    case common::Link::kWorkflow:
      PERDURE_RETURN_IF_ERROR(
          CheckSet(link.workflow().namespace_(), "workflow", "namespace field"));
      PERDURE_RETURN_IF_ERROR(
          CheckSet(link.workflow().workflow_id(), "workflow", "workflow ID field"));
      return CheckSet(link.workflow().run_id(), "workflow", "run ID field");
    case common::Link::VARIANT_NOT_SET:
      return InvalidArgument("unsupported link variant");
  }
  return InvalidArgument("unsupported link variant");
}

}  // namespace

absl::Status CheckLongPoll(const services::CallContext& context, absl::Time now) {
  if (context.deadline == absl::InfiniteFuture()) {
    return InvalidArgument("Context timeout is not set.");
  }
  if (context.deadline - now < kLongPollMin) {
    return base::FailedPrecondition("Context timeout is too short.");
  }
  return absl::OkStatus();
}

absl::Status CheckWorkflowId(absl::string_view workflow_id, const services::Limits& limits) {
  if (workflow_id.empty()) return InvalidArgument("WorkflowId is not set on request.");
  if (static_cast<int64_t>(workflow_id.size()) > limits.id_length) {
    return InvalidArgument(absl::StrCat("WorkflowId exceeds maximum allowed length (",
                                        workflow_id.size(), "/", limits.id_length, ")"));
  }
  return absl::OkStatus();
}

absl::Status CheckExecution(bool is_set, const common::WorkflowExecution& execution) {
  if (!is_set) return InvalidArgument("Execution is not set on request.");
  if (execution.workflow_id().empty()) return InvalidArgument("WorkflowId is not set on request.");
  if (!execution.run_id().empty() && !base::IsUuid(execution.run_id())) {
    return InvalidArgument("Invalid RunId.");
  }
  return absl::OkStatus();
}

absl::Status CheckIdentity(absl::string_view identity, const services::Limits& limits) {
  return CheckLength(identity, "Identity", limits);
}

absl::Status CheckLength(absl::string_view text, absl::string_view field,
                         const services::Limits& limits) {
  if (static_cast<int64_t>(text.size()) <= limits.id_length) return absl::OkStatus();
  return InvalidArgument(absl::StrCat(field, " length exceeds limit."));
}

absl::Status CheckRequestId(std::string* request_id, const services::Limits& limits,
                            UuidSource& uuids) {
  if (request_id->empty()) *request_id = uuids.Next();
  return CheckLength(*request_id, "RequestId", limits);
}

absl::Status CheckWorkflowType(bool is_set, const common::WorkflowType& type,
                               const services::Limits& limits) {
  if (!is_set || type.name().empty()) {
    return InvalidArgument("WorkflowType is not set on request.");
  }
  return CheckLength(type.name(), "WorkflowType", limits);
}

absl::Status CheckTaskQueue(temporal::api::taskqueue::v1::TaskQueue* task_queue,
                            const services::Limits& limits) {
  PERDURE_RETURN_IF_ERROR(
      CheckEnum(task_queue->kind(), enums::TaskQueueKind_IsValid, "task_queue.kind"));
  if (task_queue->kind() == enums::TASK_QUEUE_KIND_UNSPECIFIED) {
    task_queue->set_kind(enums::TASK_QUEUE_KIND_NORMAL);
  }
  if (task_queue->name().empty()) return InvalidArgument("missing task queue name");
  PERDURE_RETURN_IF_ERROR(CheckQueueName(task_queue->name(), limits, /*may_be_partition=*/false));
  if (task_queue->kind() == enums::TASK_QUEUE_KIND_STICKY) {
    return CheckQueueName(task_queue->normal_name(), limits, /*may_be_partition=*/true);
  }
  return absl::OkStatus();
}

absl::Status CheckDuration(google::protobuf::Duration* duration, absl::string_view error) {
  const int64_t seconds = duration->seconds();
  const int32_t nanos = duration->nanos();
  if ((seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0)) {
    return InvalidArgument(
        absl::StrCat(error, "duration has seconds and nanos with different signs"));
  }
  if (seconds < 0 || nanos < 0) return InvalidArgument(absl::StrCat(error, "negative duration"));
  if (nanos > 999'999'999) return InvalidArgument(absl::StrCat(error, "nanos out of range"));
  if (seconds >= kDurationMaxSeconds) {
    duration->set_seconds(kDurationMaxSeconds);
    duration->set_nanos(0);
  }
  return absl::OkStatus();
}

absl::Status CheckRetryPolicy(common::RetryPolicy* policy) {
  // Defaults first, as Temporal: an unset field is then valid by itself.
  const absl::Duration initial = FromProto(policy->initial_interval());
  if (initial == absl::ZeroDuration()) {
    *policy->mutable_initial_interval() = ToProto(absl::Seconds(1));
  }
  if (FromProto(policy->maximum_interval()) == absl::ZeroDuration()) {
    *policy->mutable_maximum_interval() = ToProto(100 * FromProto(policy->initial_interval()));
  }
  if (policy->backoff_coefficient() == 0) policy->set_backoff_coefficient(2);
  if (policy->maximum_attempts() == 1) return absl::OkStatus();  // no retry: the rest is moot

  PERDURE_RETURN_IF_ERROR(CheckDuration(policy->mutable_initial_interval(),
                                        "invalid InitialInterval set on retry policy: "));
  if (!(policy->backoff_coefficient() >= 1)) {  // also refuses NaN
    return InvalidArgument("BackoffCoefficient cannot be less than 1 on retry policy.");
  }
  PERDURE_RETURN_IF_ERROR(CheckDuration(policy->mutable_maximum_interval(),
                                        "invalid MaximumInterval set on retry policy: "));
  if (FromProto(policy->maximum_interval()) < FromProto(policy->initial_interval())) {
    return InvalidArgument("MaximumInterval cannot be less than InitialInterval on retry policy.");
  }
  if (policy->maximum_attempts() < 0) {
    return InvalidArgument("MaximumAttempts cannot be negative on retry policy.");
  }
  constexpr absl::string_view kTimeoutPrefix = "TemporalTimeout:";
  for (const std::string& type : policy->non_retryable_error_types()) {
    if (!absl::StartsWith(type, kTimeoutPrefix)) continue;
    const absl::string_view timeout = absl::string_view(type).substr(kTimeoutPrefix.size());
    const bool is_known = timeout == "StartToClose" || timeout == "ScheduleToStart" ||
                          timeout == "ScheduleToClose" || timeout == "Heartbeat";
    if (!is_known) {
      return InvalidArgument(absl::StrCat("Invalid timeout type value: ", timeout, "."));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckPriority(const common::Priority& priority) {
  if (priority.priority_key() < 0) return InvalidArgument("priority key can't be negative");
  if (priority.fairness_key().size() > kFairnessKeyMax) {
    return InvalidArgument("fairness key length exceeds limit");
  }
  if (!(priority.fairness_weight() >= 0)) return InvalidArgument("must be greater than zero");
  return absl::OkStatus();
}

absl::Status CheckLinks(const google::protobuf::RepeatedPtrField<common::Link>& links,
                        const services::Limits& limits) {
  if (links.size() > limits.links_per_request) {
    return InvalidArgument(absl::StrCat("cannot attach more than ", limits.links_per_request,
                                        " links per request, got ", links.size()));
  }
  for (const common::Link& link : links) {
    const auto size = static_cast<int64_t>(link.ByteSizeLong());
    if (size > limits.link_size_bytes) {
      return InvalidArgument(
          absl::StrCat("link exceeds allowed size of ", limits.link_size_bytes, ", got ", size));
    }
    PERDURE_RETURN_IF_ERROR(CheckLink(link));
  }
  return absl::OkStatus();
}

absl::Status CheckCallbacks(const google::protobuf::RepeatedPtrField<common::Callback>& callbacks,
                            const services::Limits& limits) {
  if (callbacks.size() > limits.callbacks_per_execution) {
    return InvalidArgument(absl::StrCat("cannot attach more than ", limits.callbacks_per_execution,
                                        " callbacks to a workflow"));
  }
  for (const common::Callback& callback : callbacks) {
    if (!callback.has_nexus()) return base::Unimplemented("unknown callback variant");
    const std::string& url = callback.nexus().url();
    if (url.size() > kCallbackUrlMax) {
      return InvalidArgument(absl::StrCat(
          "invalid url: url length longer than max length allowed of ", kCallbackUrlMax));
    }
    const bool has_scheme = absl::StartsWith(url, "http://") || absl::StartsWith(url, "https://") ||
                            absl::StartsWith(url, "temporal://");
    if (!has_scheme) {
      return InvalidArgument("invalid url: unknown scheme in the url of a callback");
    }
    size_t header_size = 0;
    for (const auto& [key, value] : callback.nexus().header()) {
      header_size += key.size() + value.size();
    }
    if (header_size > kCallbackHeaderMax) {
      return InvalidArgument(absl::StrCat(
          "invalid header: header size longer than max allowed size of ", kCallbackHeaderMax));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckBlob(int64_t size_bytes, const services::Limits& limits) {
  if (size_bytes <= limits.blob_size_bytes) return absl::OkStatus();
  return InvalidArgument("Blob data size exceeds limit.");
}

absl::Status CheckMemo(const common::Memo& memo, const services::Limits& limits) {
  if (static_cast<int64_t>(memo.ByteSizeLong()) <= limits.memo_size_bytes) return absl::OkStatus();
  return InvalidArgument("Memo size exceeds limit.");
}

absl::Status CheckIdPolicies(enums::WorkflowIdReusePolicy* reuse,
                             enums::WorkflowIdConflictPolicy* conflict,
                             enums::WorkflowIdConflictPolicy conflict_default) {
  PERDURE_RETURN_IF_ERROR(
      CheckEnum(*reuse, enums::WorkflowIdReusePolicy_IsValid, "workflow_id_reuse_policy"));
  PERDURE_RETURN_IF_ERROR(
      CheckEnum(*conflict, enums::WorkflowIdConflictPolicy_IsValid, "workflow_id_conflict_policy"));
  const bool is_conflict_set = *conflict != enums::WORKFLOW_ID_CONFLICT_POLICY_UNSPECIFIED;
  if (*reuse == enums::WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING) {
    if (is_conflict_set) {
      return InvalidArgument(
          "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING cannot be "
          "used together with a WorkflowIDConflictPolicy");
    }
    *conflict = enums::WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING;
    *reuse = enums::WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE;
  } else if (!is_conflict_set) {
    *conflict = conflict_default;
  }
  if (*reuse == enums::WORKFLOW_ID_REUSE_POLICY_UNSPECIFIED) {
    *reuse = enums::WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE;
  }
  const bool is_terminating = *conflict == enums::WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING;
  if (is_terminating && *reuse == enums::WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE) {
    return InvalidArgument(
        "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE cannot be used "
        "together with WorkflowIdConflictPolicy WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING");
  }
  return absl::OkStatus();
}

absl::Status CheckTaskToken(absl::string_view token) {
  if (token.empty()) return InvalidArgument("Task token not set on request.");
  if (token.size() > kTokenMax) return InvalidArgument("Error deserializing task token.");
  return absl::OkStatus();
}

absl::Status CheckPageToken(absl::string_view token) {
  if (token.size() > kTokenMax) return InvalidArgument("Invalid NextPageToken.");
  return absl::OkStatus();
}

}  // namespace perdure::frontend
