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
}

template <class Request>
void FillCommon(StartInput input, Request* request) {
  SetTimes(input, request);
  SetVersioning(input, request);
  request->set_workflow_id(std::move(input.workflow_id));
  request->mutable_workflow_type()->set_name(std::move(input.workflow_type));
  request->mutable_task_queue()->set_name(std::move(input.task_queue));
  request->mutable_task_queue()->set_kind(temporal::api::enums::v1::TASK_QUEUE_KIND_NORMAL);
  request->set_workflow_id_reuse_policy(
      static_cast<temporal::api::enums::v1::WorkflowIdReusePolicy>(input.id_reuse));
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

template <class Request>
void Fill(StartInput input, const Connection& connection, Request* request) {
  request->set_namespace_(connection.namespace_());
  request->set_identity(connection.identity());
  request->set_request_id(input.request_id.empty() ? RandomId() : input.request_id);
  request->set_workflow_id_conflict_policy(
      static_cast<temporal::api::enums::v1::WorkflowIdConflictPolicy>(input.id_conflict));
  core::SetIf(input.start_delay, [&] { return request->mutable_workflow_start_delay(); });
  FillCommon(std::move(input), request);
}

std::string Text(const temporal::api::common::v1::Payload& payload) {
  try {
    return decode<std::string>(core::FromApi(payload));
  } catch (const DecodeError&) {
    return {};  // Another SDK's, in a form of its own.
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

void FillStart(StartInput input, temporal::api::workflow::v1::NewWorkflowExecutionInfo* info) {
  FillCommon(std::move(input), info);
}

StartInput ReadStart(temporal::api::workflow::v1::NewWorkflowExecutionInfo info) {
  StartInput input;
  input.workflow_id = info.workflow_id();
  input.workflow_type = info.workflow_type().name();
  input.task_queue = info.task_queue().name();
  input.args = core::FromApi(std::move(*info.mutable_input()));
  input.execution_timeout = core::TimeoutFromApi(info.workflow_execution_timeout());
  input.run_timeout = core::TimeoutFromApi(info.workflow_run_timeout());
  input.task_timeout = core::TimeoutFromApi(info.workflow_task_timeout());
  input.id_reuse = static_cast<id_reuse_policy>(info.workflow_id_reuse_policy());
  if (info.has_retry_policy()) input.retry = core::FromApi(std::move(*info.mutable_retry_policy()));
  input.cron_schedule = info.cron_schedule();
  input.memo = core::FromApi(std::move(*info.mutable_memo()));
  input.search_attributes = core::FromApi(std::move(*info.mutable_search_attributes()));
  input.headers = core::FromApi(std::move(*info.mutable_header()));
  if (info.user_metadata().has_summary()) input.summary = Text(info.user_metadata().summary());
  if (info.user_metadata().has_details()) input.details = Text(info.user_metadata().details());
  input.priority = core::FromApi(std::move(*info.mutable_priority()));
  if (info.versioning_override().has_pinned()) {
    const auto& version = info.versioning_override().pinned().version();
    input.versioning = versioning_override::kind::pinned;
    input.pinned_deployment_name = version.deployment_name();
    input.pinned_build_id = version.build_id();
  } else if (info.versioning_override().auto_upgrade()) {
    input.versioning = versioning_override::kind::auto_upgrade;
  }
  return input;
}

}  // namespace perdure::client
