#include "worker-sdk/client/start_request.h"

#include <utility>

#include "perdure/codec.h"
#include "worker-sdk/client/server_calls.h"
#include "worker-sdk/core/convert.h"

namespace perdure::client {
namespace {

template <class Request>
void SetVersioning(const StartInput& input, Request* request) {
  switch (input.versioning) {
    case versioning_override::kind::none:
      return;
    case versioning_override::kind::auto_upgrade:
      request->mutable_versioning_override()->set_auto_upgrade(true);
      return;
    case versioning_override::kind::pinned: {
      auto* pinned = request->mutable_versioning_override()->mutable_pinned();
      pinned->set_behavior(
          temporal::api::workflow::v1::
              VersioningOverride_PinnedOverrideBehavior_PINNED_OVERRIDE_BEHAVIOR_PINNED);
      pinned->mutable_version()->set_deployment_name(input.pinned_deployment_name);
      pinned->mutable_version()->set_build_id(input.pinned_build_id);
      return;
    }
  }
}

template <class Request>
void SetTimes(const StartInput& input, Request* request) {
  core::SetIf(input.execution_timeout,
              [&] { return request->mutable_workflow_execution_timeout(); });
  core::SetIf(input.run_timeout, [&] { return request->mutable_workflow_run_timeout(); });
  core::SetIf(input.task_timeout, [&] { return request->mutable_workflow_task_timeout(); });
  core::SetIf(input.start_delay, [&] { return request->mutable_workflow_start_delay(); });
}

template <class Request>
void Fill(StartInput input, const Connection& connection, Request* request) {
  request->set_namespace_(connection.namespace_());
  request->set_identity(connection.identity());
  SetTimes(input, request);
  SetVersioning(input, request);
  request->set_workflow_id(std::move(input.workflow_id));
  request->mutable_workflow_type()->set_name(std::move(input.workflow_type));
  request->mutable_task_queue()->set_name(std::move(input.task_queue));
  request->mutable_task_queue()->set_kind(temporal::api::enums::v1::TASK_QUEUE_KIND_NORMAL);
  request->set_request_id(input.request_id.empty() ? RandomId() : std::move(input.request_id));
  request->set_workflow_id_reuse_policy(
      static_cast<temporal::api::enums::v1::WorkflowIdReusePolicy>(input.id_reuse));
  request->set_workflow_id_conflict_policy(
      static_cast<temporal::api::enums::v1::WorkflowIdConflictPolicy>(input.id_conflict));
  request->set_cron_schedule(std::move(input.cron_schedule));
  core::SetIf(std::move(input.args), [&] { return request->mutable_input(); });
  core::SetHeaderIf(std::move(input.headers), [&] { return request->mutable_header(); });
  core::SetIf(std::move(input.retry), [&] { return request->mutable_retry_policy(); });
  core::SetIf(std::move(input.priority), [&] { return request->mutable_priority(); });
  if (!input.memo.empty()) *request->mutable_memo() = core::MemoToApi(std::move(input.memo));
  if (!input.search_attributes.empty()) {
    *request->mutable_search_attributes() =
        core::SearchAttributesToApi(std::move(input.search_attributes));
  }
  if (!input.summary.empty()) {
    *request->mutable_user_metadata()->mutable_summary() = core::ToApi(encode(input.summary));
  }
  if (!input.details.empty()) {
    *request->mutable_user_metadata()->mutable_details() = core::ToApi(encode(input.details));
  }
}

}  // namespace

void FillStart(StartInput input, const Connection& connection,
               api::StartWorkflowExecutionRequest* request) {
  Fill(std::move(input), connection, request);
}

void FillStart(StartInput input, const Connection& connection,
               api::SignalWithStartWorkflowExecutionRequest* request) {
  Fill(std::move(input), connection, request);
}

}  // namespace perdure::client
