#include "worker-sdk/core/api_command.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "worker-sdk/core/convert.h"

namespace perdure::core {
namespace {

namespace enums = temporal::api::enums::v1;

void Fill(detail::UserMetadataData& from, ApiCommand* to) {
  if (!from.summary.empty())
    *to->mutable_user_metadata()->mutable_summary() = ToApi(JsonText(from.summary));
  if (!from.details.empty())
    *to->mutable_user_metadata()->mutable_details() = ToApi(JsonText(from.details));
}

}  // namespace

void Fill(detail::StartTimerCommand& from, ApiCommand* to) {
  to->set_command_type(enums::COMMAND_TYPE_START_TIMER);
  auto* attributes = to->mutable_start_timer_command_attributes();
  attributes->set_timer_id(absl::StrCat(from.seq));
  *attributes->mutable_start_to_fire_timeout() = ToApi(std::max(from.duration, Nanos(0)));
  Fill(from.metadata, to);
}

void Fill(detail::ScheduleActivityCommand& from, const std::string& task_queue, ApiCommand* to) {
  to->set_command_type(enums::COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK);
  auto* attributes = to->mutable_schedule_activity_task_command_attributes();
  attributes->set_activity_id(from.activity_id);
  attributes->mutable_activity_type()->set_name(from.activity_type);
  attributes->mutable_task_queue()->set_name(from.task_queue.empty() ? task_queue
                                                                     : std::move(from.task_queue));
  SetIf(std::move(from.input), [&] { return attributes->mutable_input(); });
  SetHeaderIf(std::move(from.headers), [&] { return attributes->mutable_header(); });
  SetIf(from.schedule_to_close, [&] { return attributes->mutable_schedule_to_close_timeout(); });
  SetIf(from.schedule_to_start, [&] { return attributes->mutable_schedule_to_start_timeout(); });
  SetIf(from.start_to_close, [&] { return attributes->mutable_start_to_close_timeout(); });
  SetIf(from.heartbeat, [&] { return attributes->mutable_heartbeat_timeout(); });
  SetIf(std::move(from.retry_policy), [&] { return attributes->mutable_retry_policy(); });
  attributes->set_request_eager_execution(from.allow_eager);
  SetIf(std::move(from.priority), [&] { return attributes->mutable_priority(); });
  Fill(from.metadata, to);
}

void Fill(detail::StartChildCommand& from, const std::string& namespace_,
          const std::string& task_queue, ApiCommand* to) {
  to->set_command_type(enums::COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION);
  auto* attributes = to->mutable_start_child_workflow_execution_command_attributes();
  attributes->set_namespace_(from.namespace_.empty() ? namespace_ : std::move(from.namespace_));
  attributes->set_workflow_id(from.workflow_id);
  attributes->mutable_workflow_type()->set_name(from.workflow_type);
  attributes->mutable_task_queue()->set_name(from.task_queue.empty() ? task_queue
                                                                     : std::move(from.task_queue));
  SetIf(std::move(from.input), [&] { return attributes->mutable_input(); });
  SetHeaderIf(std::move(from.headers), [&] { return attributes->mutable_header(); });
  SetIf(from.execution_timeout, [&] { return attributes->mutable_workflow_execution_timeout(); });
  SetIf(from.run_timeout, [&] { return attributes->mutable_workflow_run_timeout(); });
  SetIf(from.task_timeout, [&] { return attributes->mutable_workflow_task_timeout(); });
  attributes->set_parent_close_policy(static_cast<enums::ParentClosePolicy>(from.parent_close));
  attributes->set_workflow_id_reuse_policy(
      static_cast<enums::WorkflowIdReusePolicy>(from.id_reuse_policy));
  SetIf(std::move(from.retry_policy), [&] { return attributes->mutable_retry_policy(); });
  attributes->set_cron_schedule(std::move(from.cron_schedule));
  if (!from.memo.empty()) *attributes->mutable_memo() = MemoToApi(std::move(from.memo));
  if (!from.search_attributes.empty()) {
    *attributes->mutable_search_attributes() =
        SearchAttributesToApi(std::move(from.search_attributes));
  }
  SetIf(std::move(from.priority), [&] { return attributes->mutable_priority(); });
  Fill(from.metadata, to);
}

void Fill(detail::SignalExternalCommand& from, const std::string& namespace_, ApiCommand* to) {
  to->set_command_type(enums::COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION);
  auto* attributes = to->mutable_signal_external_workflow_execution_command_attributes();
  attributes->set_namespace_(from.namespace_.empty() ? namespace_ : std::move(from.namespace_));
  attributes->mutable_execution()->set_workflow_id(from.workflow_id);
  attributes->mutable_execution()->set_run_id(std::move(from.run_id));
  attributes->set_child_workflow_only(from.child_only);
  attributes->set_signal_name(from.signal_name);
  SetIf(std::move(from.input), [&] { return attributes->mutable_input(); });
  SetHeaderIf(std::move(from.headers), [&] { return attributes->mutable_header(); });
}

void Fill(detail::RequestCancelExternalCommand& from, bool child_only, ApiCommand* to) {
  to->set_command_type(enums::COMMAND_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION);
  auto* attributes = to->mutable_request_cancel_external_workflow_execution_command_attributes();
  attributes->set_namespace_(std::move(from.namespace_));
  attributes->set_workflow_id(from.workflow_id);
  attributes->set_run_id(std::move(from.run_id));
  attributes->set_child_workflow_only(child_only);
  attributes->set_reason(std::move(from.reason));
}

void Fill(detail::UpsertSearchAttributesCommand& from, ApiCommand* to) {
  to->set_command_type(enums::COMMAND_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES);
  *to->mutable_upsert_workflow_search_attributes_command_attributes()->mutable_search_attributes() =
      SearchAttributesToApi(std::move(from.search_attributes));
}

void Fill(detail::UpsertMemoCommand& from, ApiCommand* to) {
  to->set_command_type(enums::COMMAND_TYPE_MODIFY_WORKFLOW_PROPERTIES);
  *to->mutable_modify_workflow_properties_command_attributes()->mutable_upserted_memo() =
      MemoToApi(std::move(from.memo));
}

void Fill(detail::CompleteWorkflowCommand& from, ApiCommand* to) {
  to->set_command_type(enums::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION);
  auto* attributes = to->mutable_complete_workflow_execution_command_attributes();
  SetIf(std::move(from.result), [&] { return attributes->mutable_result(); });
}

void Fill(detail::FailWorkflowCommand& from, ApiCommand* to) {
  to->set_command_type(enums::COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION);
  auto* attributes = to->mutable_fail_workflow_execution_command_attributes();
  if (from.failure) *attributes->mutable_failure() = ToApi(*from.failure);
}

void Fill(detail::CancelWorkflowCommand& from, ApiCommand* to) {
  to->set_command_type(enums::COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION);
  auto* attributes = to->mutable_cancel_workflow_execution_command_attributes();
  SetIf(std::move(from.details), [&] { return attributes->mutable_details(); });
}

void Fill(detail::ContinueAsNewCommand& from, ApiCommand* to) {
  to->set_command_type(enums::COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION);
  auto* attributes = to->mutable_continue_as_new_workflow_execution_command_attributes();
  attributes->mutable_workflow_type()->set_name(std::move(from.workflow_type));
  attributes->mutable_task_queue()->set_name(std::move(from.task_queue));
  attributes->set_initiator(enums::CONTINUE_AS_NEW_INITIATOR_WORKFLOW);
  SetIf(std::move(from.input), [&] { return attributes->mutable_input(); });
  SetHeaderIf(std::move(from.headers), [&] { return attributes->mutable_header(); });
  SetIf(from.run_timeout, [&] { return attributes->mutable_workflow_run_timeout(); });
  SetIf(from.task_timeout, [&] { return attributes->mutable_workflow_task_timeout(); });
  if (from.memo && !from.memo->empty())
    *attributes->mutable_memo() = MemoToApi(std::move(*from.memo));
  if (from.search_attributes && !from.search_attributes->empty()) {
    *attributes->mutable_search_attributes() =
        SearchAttributesToApi(std::move(*from.search_attributes));
  }
  SetIf(std::move(from.retry_policy), [&] { return attributes->mutable_retry_policy(); });
  // 1 is the API's AUTO_UPGRADE for a continued run; the others mean what leaving it unset means.
  if (from.initial_versioning_behavior == detail::VersioningBehavior::auto_upgrade) {
    attributes->set_initial_versioning_behavior(
        enums::CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_AUTO_UPGRADE);
  }
}

}  // namespace perdure::core
