// workflow signal, cancel, terminate, reset, delete.
#include "cli/arguments.h"
#include "cli/workflow_commands.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::cli {
namespace {

namespace api = temporal::api::workflowservice::v1;
namespace enums = temporal::api::enums::v1;

void PrintDone(absl::string_view what, Format format) {
  if (format == Format::kTable) {
    PrintLine(what);
  } else {
    PrintJson(Json::object(), format);
  }
}

struct SignalFlags {
  std::string name;
  std::vector<std::string> inputs;
  std::vector<std::string> input_files;
};

absl::Status Signal(Client& client, Format format, const Target& target, const SignalFlags& flags) {
  api::SignalWorkflowExecutionRequest request;
  request.set_namespace_(client.name_space());
  *request.mutable_workflow_execution() = target.Execution();
  request.set_signal_name(flags.name);
  request.set_identity(Identity());
  request.set_request_id(NewUuid());
  absl::Status status = FillPayloads(flags.inputs, flags.input_files, request.mutable_input());
  if (!status.ok()) return status;
  auto response = client.Call<api::SignalWorkflowExecutionResponse>(
      kWorkflowService, "SignalWorkflowExecution", request);
  if (response.ok()) PrintDone("Signal workflow succeeded", format);
  return response.status();
}

absl::Status Cancel(Client& client, Format format, const Target& target,
                    const std::string& reason) {
  api::RequestCancelWorkflowExecutionRequest request;
  request.set_namespace_(client.name_space());
  *request.mutable_workflow_execution() = target.Execution();
  request.set_identity(Identity());
  request.set_request_id(NewUuid());
  request.set_reason(reason);
  auto response = client.Call<api::RequestCancelWorkflowExecutionResponse>(
      kWorkflowService, "RequestCancelWorkflowExecution", request);
  if (response.ok()) PrintDone("Canceled workflow", format);
  return response.status();
}

absl::Status Terminate(Client& client, Format format, const Target& target,
                       const std::string& reason) {
  api::TerminateWorkflowExecutionRequest request;
  request.set_namespace_(client.name_space());
  *request.mutable_workflow_execution() = target.Execution();
  request.set_identity(Identity());
  request.set_reason(reason.empty() ? absl::StrCat("Requested from CLI by ", Identity()) : reason);
  auto response = client.Call<api::TerminateWorkflowExecutionResponse>(
      kWorkflowService, "TerminateWorkflowExecution", request);
  if (response.ok()) PrintDone("Workflow terminated", format);
  return response.status();
}

absl::Status Delete(Client& client, Format format, const Target& target) {
  api::DeleteWorkflowExecutionRequest request;
  request.set_namespace_(client.name_space());
  *request.mutable_workflow_execution() = target.Execution();
  auto response = client.Call<api::DeleteWorkflowExecutionResponse>(
      kWorkflowService, "DeleteWorkflowExecution", request);
  if (response.ok()) PrintDone("Delete workflow succeeded", format);
  return response.status();
}

struct ResetFlags {
  int64_t event_id = 0;
  std::string type;
  std::string reason;
  std::vector<std::string> excluded;
};

// The event to reset to, by going through the history: the first or the last completed task.
absl::StatusOr<int64_t> FindResetEvent(Client& client, const Target& target,
                                       const std::string& type) {
  const bool is_first = type == "FirstWorkflowTask";
  api::GetWorkflowExecutionHistoryRequest request;
  request.set_namespace_(client.name_space());
  *request.mutable_execution() = target.Execution();
  int64_t found = 0;
  do {
    auto page = client.Call<api::GetWorkflowExecutionHistoryResponse>(
        kWorkflowService, "GetWorkflowExecutionHistory", request);
    if (!page.ok()) return page.status();
    for (const auto& event : page->history().events()) {
      if (event.event_type() != enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED) continue;
      found = event.event_id();
      if (is_first) return found;
    }
    request.set_next_page_token(page->next_page_token());
  } while (!request.next_page_token().empty());
  if (found != 0) return found;
  return absl::NotFoundError("the workflow has completed no workflow task to reset to");
}

absl::Status Reset(Client& client, Format format, const Target& target, const ResetFlags& flags) {
  api::ResetWorkflowExecutionRequest request;
  request.set_namespace_(client.name_space());
  *request.mutable_workflow_execution() = target.Execution();
  request.set_request_id(NewUuid());
  request.set_identity(Identity());
  request.set_reason(absl::StrCat(Identity(), ": ", flags.reason));
  for (const std::string& excluded : flags.excluded) {
    const auto type =
        EnumValue("--reapply-exclude", excluded, *enums::ResetReapplyExcludeType_descriptor(),
                  "RESET_REAPPLY_EXCLUDE_TYPE_");
    if (!type.ok()) return type.status();
    request.add_reset_reapply_exclude_types(static_cast<enums::ResetReapplyExcludeType>(*type));
  }
  if (flags.event_id == 0 && flags.type.empty()) {
    return absl::InvalidArgumentError("one of --event-id and --type is needed");
  }
  absl::StatusOr<int64_t> event_id = flags.event_id;
  if (flags.event_id == 0) event_id = FindResetEvent(client, target, flags.type);
  if (!event_id.ok()) return event_id.status();
  request.set_workflow_task_finish_event_id(*event_id);
  auto response = client.Call<api::ResetWorkflowExecutionResponse>(
      kWorkflowService, "ResetWorkflowExecution", request);
  if (!response.ok()) return response.status();
  if (format == Format::kTable) {
    PrintFields({{"RunId", response->run_id()}});
  } else {
    PrintJson(ToJson(*response), format);
  }
  return absl::OkStatus();
}

void AddResetCommand(CLI::App& workflow, const SessionPtr& session) {
  CLI::App& reset = *workflow.add_subcommand("reset", "Go back to a workflow task and go on anew.");
  auto target = AddTarget(reset);
  auto flags = std::make_shared<ResetFlags>();
  reset.add_option("-e,--event-id", flags->event_id, "Event to reset to.");
  reset.add_option("-t,--type", flags->type, "FirstWorkflowTask or LastWorkflowTask.")
      ->check(CLI::IsMember({"FirstWorkflowTask", "LastWorkflowTask"}));
  reset.add_option("--reason", flags->reason, "Why.")->required();
  reset.add_option("--reapply-exclude", flags->excluded, "Signal, Update …: not to be reapplied.")
      ->allow_extra_args(false);
  OnCommand(reset, session, [target, flags](Client& client, Format format) {
    return Reset(client, format, *target, *flags);
  });
}

}  // namespace

void AddChangeCommands(CLI::App& workflow, const SessionPtr& session) {
  CLI::App& signal = *workflow.add_subcommand("signal", "Signal a workflow.");
  auto signalled = AddTarget(signal);
  auto signal_flags = std::make_shared<SignalFlags>();
  signal.add_option("--name", signal_flags->name, "Name of the signal.")->required();
  signal.add_option("-i,--input", signal_flags->inputs, "Input as JSON.")->allow_extra_args(false);
  signal.add_option("--input-file", signal_flags->input_files, "File of JSON.")
      ->allow_extra_args(false);
  OnCommand(signal, session, [signalled, signal_flags](Client& client, Format format) {
    return Signal(client, format, *signalled, *signal_flags);
  });

  CLI::App& cancel = *workflow.add_subcommand("cancel", "Ask a workflow to cancel itself.");
  auto cancelled = AddTarget(cancel);
  auto cancel_reason = std::make_shared<std::string>();
  cancel.add_option("--reason", *cancel_reason, "Why.");
  OnCommand(cancel, session, [cancelled, cancel_reason](Client& client, Format format) {
    return Cancel(client, format, *cancelled, *cancel_reason);
  });

  CLI::App& terminate = *workflow.add_subcommand("terminate", "End a workflow at once.");
  auto terminated = AddTarget(terminate);
  auto terminate_reason = std::make_shared<std::string>();
  terminate.add_option("--reason", *terminate_reason, "Why.");
  OnCommand(terminate, session, [terminated, terminate_reason](Client& client, Format format) {
    return Terminate(client, format, *terminated, *terminate_reason);
  });

  CLI::App& erase = *workflow.add_subcommand("delete", "Delete a workflow and its history.");
  auto erased = AddTarget(erase);
  OnCommand(erase, session,
            [erased](Client& client, Format format) { return Delete(client, format, *erased); });
  AddResetCommand(workflow, session);
}

}  // namespace perdure::cli
