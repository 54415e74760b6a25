// workflow query, and workflow update start, execute, result.
#include "cli/arguments.h"
#include "cli/run_result.h"
#include "cli/workflow_commands.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::cli {
namespace {

namespace api = temporal::api::workflowservice::v1;
namespace enums = temporal::api::enums::v1;
namespace update_api = temporal::api::update::v1;

constexpr absl::Duration kPollTimeout = absl::Seconds(70);

struct QueryFlags {
  std::string type;
  std::string reject_condition;
  std::vector<std::string> inputs;
  std::vector<std::string> input_files;
};

absl::Status Query(Client& client, Format format, const Target& target, const QueryFlags& flags) {
  api::QueryWorkflowRequest request;
  request.set_namespace_(client.name_space());
  *request.mutable_execution() = target.Execution();
  request.mutable_query()->set_query_type(flags.type);
  absl::Status status =
      FillPayloads(flags.inputs, flags.input_files, request.mutable_query()->mutable_query_args());
  if (!status.ok()) return status;
  if (!flags.reject_condition.empty()) {
    const auto condition =
        EnumValue("--reject-condition", flags.reject_condition,
                  *enums::QueryRejectCondition_descriptor(), "QUERY_REJECT_CONDITION_");
    if (!condition.ok()) return condition.status();
    request.set_query_reject_condition(static_cast<enums::QueryRejectCondition>(*condition));
  }
  auto response =
      client.Call<api::QueryWorkflowResponse>(kWorkflowService, "QueryWorkflow", request);
  if (!response.ok()) return response.status();
  if (response->has_query_rejected()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "query was rejected, workflow has status: ",
        ShortEnum(enums::WorkflowExecutionStatus_Name(response->query_rejected().status()),
                  "WORKFLOW_EXECUTION_STATUS_")));
  }
  if (format == Format::kTable) {
    PrintLine("Query result:");
    PrintFields({{"QueryResult", PayloadsText(response->query_result())}});
  } else {
    PrintJson(ToJson(*response), format);
  }
  return absl::OkStatus();
}

struct UpdateFlags {
  std::string name;
  std::string update_id;
  std::string first_execution_run_id;
  std::string wait_for_stage = "accepted";
  std::vector<std::string> inputs;
  std::vector<std::string> input_files;
};

absl::Status PrintOutcome(const std::string& name, const std::string& update_id,
                          const update_api::Outcome& outcome, Format format) {
  if (format == Format::kTable) {
    PrintFields({{"UpdateId", update_id},
                 {"Name", name},
                 {"Result", PayloadsText(outcome.success())},
                 {"Failure", FailureText(outcome.failure())}});
  } else {
    Json json;
    if (!name.empty()) json["name"] = name;
    json["updateId"] = update_id;
    if (outcome.has_success()) {
      Json values = ToJson(outcome.success());
      const bool is_single = values.is_array() && values.size() == 1;
      json["result"] = is_single ? values[0] : values;
    }
    if (outcome.has_failure()) json["failure"] = ToJson(outcome.failure());
    PrintJson(json, format);
  }
  if (!outcome.has_failure()) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("update failed: ", FailureText(outcome.failure())));
}

// Waits as long as it takes.
absl::StatusOr<update_api::Outcome> WaitForOutcome(Client& client,
                                                   const update_api::UpdateRef& reference) {
  api::PollWorkflowExecutionUpdateRequest request;
  request.set_namespace_(client.name_space());
  request.set_identity(Identity());
  *request.mutable_update_ref() = reference;
  request.mutable_wait_policy()->set_lifecycle_stage(
      enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED);
  while (true) {
    auto response = client.CallFor<api::PollWorkflowExecutionUpdateResponse>(
        kWorkflowService, "PollWorkflowExecutionUpdate", request, kPollTimeout);
    if (absl::IsDeadlineExceeded(response.status())) continue;
    if (!response.ok()) return response.status();
    if (response->has_outcome()) return response->outcome();
  }
}

absl::Status Update(Client& client, Format format, const Target& target, const UpdateFlags& flags,
                    enums::UpdateWorkflowExecutionLifecycleStage stage) {
  api::UpdateWorkflowExecutionRequest request;
  request.set_namespace_(client.name_space());
  *request.mutable_workflow_execution() = target.Execution();
  request.set_first_execution_run_id(flags.first_execution_run_id);
  auto& meta = *request.mutable_request()->mutable_meta();
  meta.set_update_id(flags.update_id.empty() ? NewUuid() : flags.update_id);
  meta.set_identity(Identity());
  request.mutable_request()->mutable_input()->set_name(flags.name);
  absl::Status status = FillPayloads(flags.inputs, flags.input_files,
                                     request.mutable_request()->mutable_input()->mutable_args());
  if (!status.ok()) return status;
  request.mutable_wait_policy()->set_lifecycle_stage(stage);
  while (true) {
    auto response = client.CallFor<api::UpdateWorkflowExecutionResponse>(
        kWorkflowService, "UpdateWorkflowExecution", request, kPollTimeout);
    if (absl::IsDeadlineExceeded(response.status())) continue;
    if (!response.ok()) return response.status();
    // The server answers early, with a lower stage, when its wait runs out.
    if (response->stage() < stage) continue;
    if (stage == enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED &&
        !response->has_outcome()) {
      auto outcome = WaitForOutcome(client, response->update_ref());
      if (!outcome.ok()) return outcome.status();
      return PrintOutcome(flags.name, meta.update_id(), *outcome, format);
    }
    return PrintOutcome(flags.name, meta.update_id(), response->outcome(), format);
  }
}

std::shared_ptr<UpdateFlags> AddUpdateFlags(CLI::App& command) {
  auto flags = std::make_shared<UpdateFlags>();
  command.add_option("--name", flags->name, "Name of the update.")->required();
  command.add_option("--update-id", flags->update_id, "Made up if missing.");
  command.add_option("--first-execution-run-id", flags->first_execution_run_id,
                     "Only if the chain of runs began with this one.");
  command.add_option("-i,--input", flags->inputs, "Input as JSON.")->allow_extra_args(false);
  command.add_option("--input-file", flags->input_files, "File of JSON.")->allow_extra_args(false);
  return flags;
}

void AddUpdateCommands(CLI::App& workflow, const SessionPtr& session) {
  CLI::App& update = *workflow.add_subcommand("update", "Update a workflow and read its answer.");
  update.fallthrough();
  update.require_subcommand(1);

  CLI::App& execute = *update.add_subcommand("execute", "Update and wait for the result.");
  auto executed = AddTarget(execute);
  auto execute_flags = AddUpdateFlags(execute);
  OnCommand(execute, session, [executed, execute_flags](Client& client, Format format) {
    return Update(client, format, *executed, *execute_flags,
                  enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED);
  });

  CLI::App& start = *update.add_subcommand("start", "Update and wait until it is accepted.");
  auto started = AddTarget(start);
  auto start_flags = AddUpdateFlags(start);
  start.add_option("--wait-for-stage", start_flags->wait_for_stage, "accepted")
      ->check(CLI::IsMember({"accepted"}));
  OnCommand(start, session, [started, start_flags](Client& client, Format format) {
    return Update(client, format, *started, *start_flags,
                  enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED);
  });

  CLI::App& result = *update.add_subcommand("result", "Wait for the result of an update.");
  auto awaited = AddTarget(result);
  auto update_id = std::make_shared<std::string>();
  result.add_option("--update-id", *update_id, "Of the update.")->required();
  OnCommand(result, session, [awaited, update_id](Client& client, Format format) -> absl::Status {
    update_api::UpdateRef reference;
    *reference.mutable_workflow_execution() = awaited->Execution();
    reference.set_update_id(*update_id);
    auto outcome = WaitForOutcome(client, reference);
    if (!outcome.ok()) return outcome.status();
    return PrintOutcome("", *update_id, *outcome, format);
  });
}

}  // namespace

void AddQueryCommands(CLI::App& workflow, const SessionPtr& session) {
  CLI::App& query = *workflow.add_subcommand("query", "Ask a workflow something.");
  auto target = AddTarget(query);
  auto flags = std::make_shared<QueryFlags>();
  query.add_option("--type,--name", flags->type, "Name of the query.")->required();
  query.add_option("--reject-condition", flags->reject_condition,
                   "NotOpen or NotCompletedCleanly.");
  query.add_option("-i,--input", flags->inputs, "Input as JSON.")->allow_extra_args(false);
  query.add_option("--input-file", flags->input_files, "File of JSON.")->allow_extra_args(false);
  OnCommand(query, session, [target, flags](Client& client, Format format) {
    return Query(client, format, *target, *flags);
  });
  AddUpdateCommands(workflow, session);
}

}  // namespace perdure::cli
