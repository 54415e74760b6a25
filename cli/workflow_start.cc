// workflow start, execute, result.
#include "cli/arguments.h"
#include "cli/run_result.h"
#include "cli/workflow_commands.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::cli {
namespace {

namespace api = temporal::api::workflowservice::v1;
namespace enums = temporal::api::enums::v1;

struct StartFlags {
  std::string workflow_id;
  std::string task_queue;
  std::string type;
  std::vector<std::string> inputs;
  std::vector<std::string> input_files;
  std::vector<std::string> memo;
  std::vector<std::string> search_attributes;
  std::vector<std::string> headers;
  std::string cron;
  std::string execution_timeout;
  std::string run_timeout;
  std::string task_timeout;
  std::string start_delay;
  std::string id_reuse_policy;
  std::string id_conflict_policy;
  std::string static_summary;
  std::string static_details;
  int32_t priority_key = 0;
};

std::shared_ptr<StartFlags> AddStartFlags(CLI::App& command) {
  auto flags = std::make_shared<StartFlags>();
  command.add_option("-w,--workflow-id", flags->workflow_id, "Workflow id; made up if missing.");
  command.add_option("-t,--task-queue", flags->task_queue, "Task queue.")->required();
  command.add_option("--type", flags->type, "Workflow type.")->required();
  command.add_option("-i,--input", flags->inputs, "Input as JSON; repeat for more arguments.")
      ->allow_extra_args(false);
  command.add_option("--input-file", flags->input_files, "File that holds an input as JSON.")
      ->allow_extra_args(false);
  command.add_option("--memo", flags->memo, "KEY=JSON.")->allow_extra_args(false);
  command.add_option("--search-attribute", flags->search_attributes, "KEY=JSON.")
      ->allow_extra_args(false);
  command.add_option("--headers", flags->headers, "KEY=JSON.")->allow_extra_args(false);
  command.add_option("--cron", flags->cron, "Cron schedule.");
  command.add_option("--execution-timeout", flags->execution_timeout,
                     "Of the whole chain of runs.");
  command.add_option("--run-timeout", flags->run_timeout, "Of one run.");
  command.add_option("--task-timeout", flags->task_timeout, "Of one workflow task.");
  command.add_option("--start-delay", flags->start_delay, "Wait this long before the first task.");
  command.add_option("--id-reuse-policy", flags->id_reuse_policy,
                     "AllowDuplicate, AllowDuplicateFailedOnly, RejectDuplicate or "
                     "TerminateIfRunning.");
  command.add_option("--id-conflict-policy", flags->id_conflict_policy,
                     "Fail, UseExisting or TerminateExisting.");
  command.add_option("--static-summary", flags->static_summary, "Shown by user interfaces.");
  command.add_option("--static-details", flags->static_details, "Shown by user interfaces.");
  command.add_option("--priority-key", flags->priority_key, "1 (first) to 5.");
  return flags;
}

absl::Status FillTimes(const StartFlags& flags, api::StartWorkflowExecutionRequest* request) {
  struct Time {
    const char* flag;
    const std::string& text;
    google::protobuf::Duration* (api::StartWorkflowExecutionRequest::*target)();
  };
  using Request = api::StartWorkflowExecutionRequest;
  const Time times[] = {
      {"--execution-timeout", flags.execution_timeout,
       &Request::mutable_workflow_execution_timeout},
      {"--run-timeout", flags.run_timeout, &Request::mutable_workflow_run_timeout},
      {"--task-timeout", flags.task_timeout, &Request::mutable_workflow_task_timeout},
      {"--start-delay", flags.start_delay, &Request::mutable_workflow_start_delay}};
  for (const Time& time : times) {
    if (time.text.empty()) continue;
    absl::Status status = FillDuration(time.flag, time.text, (request->*time.target)());
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status FillPolicies(const StartFlags& flags, api::StartWorkflowExecutionRequest* request) {
  if (!flags.id_reuse_policy.empty()) {
    const auto policy =
        EnumValue("--id-reuse-policy", flags.id_reuse_policy,
                  *enums::WorkflowIdReusePolicy_descriptor(), "WORKFLOW_ID_REUSE_POLICY_");
    if (!policy.ok()) return policy.status();
    request->set_workflow_id_reuse_policy(static_cast<enums::WorkflowIdReusePolicy>(*policy));
  }
  if (!flags.id_conflict_policy.empty()) {
    const auto policy =
        EnumValue("--id-conflict-policy", flags.id_conflict_policy,
                  *enums::WorkflowIdConflictPolicy_descriptor(), "WORKFLOW_ID_CONFLICT_POLICY_");
    if (!policy.ok()) return policy.status();
    request->set_workflow_id_conflict_policy(static_cast<enums::WorkflowIdConflictPolicy>(*policy));
  }
  return absl::OkStatus();
}

absl::Status FillContents(const StartFlags& flags, api::StartWorkflowExecutionRequest* request) {
  if (!flags.inputs.empty() || !flags.input_files.empty()) {
    absl::Status status = FillPayloads(flags.inputs, flags.input_files, request->mutable_input());
    if (!status.ok()) return status;
  }
  absl::Status status = FillPairs(flags.memo, request->mutable_memo()->mutable_fields());
  status.Update(FillPairs(flags.search_attributes,
                          request->mutable_search_attributes()->mutable_indexed_fields()));
  status.Update(FillPairs(flags.headers, request->mutable_header()->mutable_fields()));
  if (!flags.static_summary.empty()) {
    *request->mutable_user_metadata()->mutable_summary() =
        JsonPayload(Json(flags.static_summary).dump());
  }
  if (!flags.static_details.empty()) {
    *request->mutable_user_metadata()->mutable_details() =
        JsonPayload(Json(flags.static_details).dump());
  }
  return status;
}

absl::StatusOr<temporal::api::common::v1::WorkflowExecution> Start(Client& client, Format format,
                                                                   const StartFlags& flags) {
  api::StartWorkflowExecutionRequest request;
  request.set_namespace_(client.name_space());
  request.set_workflow_id(flags.workflow_id.empty() ? NewUuid() : flags.workflow_id);
  request.set_request_id(NewUuid());
  request.set_identity(Identity());
  request.mutable_workflow_type()->set_name(flags.type);
  request.mutable_task_queue()->set_name(flags.task_queue);
  request.set_cron_schedule(flags.cron);
  if (flags.priority_key != 0) request.mutable_priority()->set_priority_key(flags.priority_key);
  absl::Status status = FillTimes(flags, &request);
  status.Update(FillPolicies(flags, &request));
  status.Update(FillContents(flags, &request));
  if (!status.ok()) return status;
  auto response = client.Call<api::StartWorkflowExecutionResponse>(
      kWorkflowService, "StartWorkflowExecution", request);
  if (!response.ok()) return response.status();

  if (format == Format::kTable) {
    PrintLine("Running execution:");
    PrintFields({{"WorkflowId", request.workflow_id()},
                 {"RunId", response->run_id()},
                 {"Type", flags.type},
                 {"Namespace", client.name_space()},
                 {"TaskQueue", flags.task_queue}});
  } else {
    Json json;
    json["workflowId"] = request.workflow_id();
    json["runId"] = response->run_id();
    json["type"] = flags.type;
    json["namespace"] = client.name_space();
    json["taskQueue"] = flags.task_queue;
    PrintJson(json, format);
  }
  temporal::api::common::v1::WorkflowExecution execution;
  execution.set_workflow_id(request.workflow_id());
  execution.set_run_id(response->run_id());
  return execution;
}

}  // namespace

void AddStartCommands(CLI::App& workflow, const SessionPtr& session) {
  CLI::App& start = *workflow.add_subcommand("start", "Start a workflow and return.");
  auto start_flags = AddStartFlags(start);
  OnCommand(start, session, [start_flags](Client& client, Format format) {
    return Start(client, format, *start_flags).status();
  });

  CLI::App& execute = *workflow.add_subcommand("execute", "Start a workflow and wait for its end.");
  auto execute_flags = AddStartFlags(execute);
  OnCommand(execute, session, [execute_flags](Client& client, Format format) -> absl::Status {
    auto execution = Start(client, format, *execute_flags);
    if (!execution.ok()) return execution.status();
    absl::StatusOr<RunResult> result = WaitForResult(client, *execution);
    if (!result.ok()) return result.status();
    return PrintResult(*result, format);
  });

  CLI::App& result = *workflow.add_subcommand("result", "Wait for a workflow's end.");
  auto target = AddTarget(result);
  OnCommand(result, session, [target](Client& client, Format format) -> absl::Status {
    absl::StatusOr<RunResult> ended = WaitForResult(client, target->Execution());
    if (!ended.ok()) return ended.status();
    return PrintResult(*ended, format);
  });
}

}  // namespace perdure::cli
