// workflow list, count, describe, show.
#include "cli/run_result.h"
#include "cli/workflow_commands.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::cli {
namespace {

namespace api = temporal::api::workflowservice::v1;
namespace enums = temporal::api::enums::v1;
using temporal::api::history::v1::HistoryEvent;
using temporal::api::workflow::v1::WorkflowExecutionInfo;

constexpr absl::Duration kPollTimeout = absl::Seconds(70);
constexpr int64_t kListPage = 100;

std::string StatusText(enums::WorkflowExecutionStatus status) {
  return ShortEnum(enums::WorkflowExecutionStatus_Name(status), "WORKFLOW_EXECUTION_STATUS_");
}

struct ListFlags {
  std::string query;
  int64_t limit = 0;
  int64_t page_size = kListPage;
};

// Prints page by page, so that a long list begins at once and holds little.
absl::Status List(Client& client, Format format, const ListFlags& flags) {
  api::ListWorkflowExecutionsRequest request;
  request.set_namespace_(client.name_space());
  request.set_query(flags.query);
  std::vector<Json> all;
  std::vector<std::vector<std::string>> rows = {{"Status", "WorkflowId", "Type", "StartTime"}};
  int64_t count = 0;
  do {
    const int64_t left = flags.limit > 0 ? flags.limit - count : flags.page_size;
    request.set_page_size(static_cast<int32_t>(std::min(flags.page_size, left)));
    auto page = client.Call<api::ListWorkflowExecutionsResponse>(kWorkflowService,
                                                                 "ListWorkflowExecutions", request);
    if (!page.ok()) return page.status();
    for (const WorkflowExecutionInfo& info : page->executions()) {
      if (flags.limit > 0 && count == flags.limit) break;
      ++count;
      if (format == Format::kJsonLines) PrintJson(ToJson(info), format);
      if (format == Format::kJson) all.push_back(ToJson(info));
      rows.push_back({StatusText(info.status()), info.execution().workflow_id(), info.type().name(),
                      TimeText(info.start_time())});
    }
    if (format == Format::kTable && rows.size() > 1) PrintTable(rows);
    rows.resize(0);
    request.set_next_page_token(page->next_page_token());
  } while (!request.next_page_token().empty() && (flags.limit == 0 || count < flags.limit));
  if (format == Format::kJson) PrintJsonList(all, format);
  return absl::OkStatus();
}

absl::Status Count(Client& client, Format format, const std::string& query) {
  api::CountWorkflowExecutionsRequest request;
  request.set_namespace_(client.name_space());
  request.set_query(query);
  auto response = client.Call<api::CountWorkflowExecutionsResponse>(
      kWorkflowService, "CountWorkflowExecutions", request);
  if (!response.ok()) return response.status();
  if (format != Format::kTable) {
    PrintJson(ToJson(*response), format);
    return absl::OkStatus();
  }
  PrintLine(absl::StrCat("Total: ", response->count()));
  for (const auto& group : response->groups()) {
    std::string values;
    for (const auto& value : group.group_values()) {
      absl::StrAppend(&values, values.empty() ? "" : ", ", PayloadText(value));
    }
    PrintLine(absl::StrCat("Group total: ", group.count(), ", values: ", values));
  }
  return absl::OkStatus();
}

void PrintDescription(const api::DescribeWorkflowExecutionResponse& response) {
  const WorkflowExecutionInfo& info = response.workflow_execution_info();
  PrintLine("Execution Info:");
  std::string attributes;
  for (const auto& [name, payload] : info.search_attributes().indexed_fields()) {
    absl::StrAppend(&attributes, attributes.empty() ? "" : ", ", name, "=", PayloadText(payload));
  }
  PrintFields({{"WorkflowId", info.execution().workflow_id()},
               {"RunId", info.execution().run_id()},
               {"Type", info.type().name()},
               {"Status", StatusText(info.status())},
               {"TaskQueue", info.task_queue()},
               {"StartTime", TimeText(info.start_time())},
               {"ExecutionTime", TimeText(info.execution_time())},
               {"CloseTime", TimeText(info.close_time())},
               {"ParentWorkflowId", info.parent_execution().workflow_id()},
               {"SearchAttributes", attributes},
               {"HistoryLength", absl::StrCat(info.history_length())},
               {"HistorySize", absl::StrCat(info.history_size_bytes())},
               {"StateTransitionCount", absl::StrCat(info.state_transition_count())}});
  PrintLine(absl::StrCat("Pending Activities: ", response.pending_activities_size()));
  for (const auto& activity : response.pending_activities()) {
    PrintFields({{"ActivityId", activity.activity_id()},
                 {"Type", activity.activity_type().name()},
                 {"State", ShortEnum(enums::PendingActivityState_Name(activity.state()),
                                     "PENDING_ACTIVITY_STATE_")},
                 {"Attempt", absl::StrCat(activity.attempt())},
                 {"ScheduledTime", TimeText(activity.scheduled_time())},
                 {"LastFailure", FailureText(activity.last_failure())}});
  }
  PrintLine(absl::StrCat("Pending Child Workflows: ", response.pending_children_size()));
  for (const auto& child : response.pending_children()) {
    PrintFields({{"WorkflowId", child.workflow_id()},
                 {"RunId", child.run_id()},
                 {"Type", child.workflow_type_name()}});
  }
}

absl::Status Describe(Client& client, Format format, const Target& target) {
  api::DescribeWorkflowExecutionRequest request;
  request.set_namespace_(client.name_space());
  *request.mutable_execution() = target.Execution();
  auto response = client.Call<api::DescribeWorkflowExecutionResponse>(
      kWorkflowService, "DescribeWorkflowExecution", request);
  if (!response.ok()) return response.status();
  if (format != Format::kTable) {
    PrintJson(ToJson(*response), format);
    return absl::OkStatus();
  }
  PrintDescription(*response);
  const auto status = response->workflow_execution_info().status();
  if (status == enums::WORKFLOW_EXECUTION_STATUS_RUNNING) return absl::OkStatus();
  absl::StatusOr<RunResult> result = WaitForResult(client, target.Execution());
  // How it ended is an addition; that the run failed is not this command's failure.
  if (result.ok()) PrintResult(*result, format).IgnoreError();
  return absl::OkStatus();
}

struct ShowFlags {
  bool is_following = false;
  bool is_detailed = false;
};

bool IsClosing(const HistoryEvent& event) {
  switch (event.event_type()) {
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
      return true;
    default:
      return false;
  }
}

void PrintEvent(const HistoryEvent& event, Format format, const ShowFlags& flags) {
  if (format == Format::kJsonLines) {
    PrintJson(ToJson(event), format);
    return;
  }
  const std::string id = absl::StrCat(event.event_id());
  PrintLine(absl::StrCat("  ", std::string(id.size() < 4 ? 4 - id.size() : 0, ' '), id, "  ",
                         TimeText(event.event_time()), "  ",
                         ShortEnum(enums::EventType_Name(event.event_type()), "EVENT_TYPE_")));
  if (!flags.is_detailed) return;
  const Json json = ToJson(event);
  for (const auto& [key, value] : json.items()) {
    if (value.is_object()) PrintLine(absl::StrCat("        ", value.dump()));
  }
}

absl::Status Show(Client& client, Format format, const Target& target, const ShowFlags& flags) {
  api::GetWorkflowExecutionHistoryRequest request;
  request.set_namespace_(client.name_space());
  *request.mutable_execution() = target.Execution();
  request.set_wait_new_event(flags.is_following);
  request.set_skip_archival(true);
  std::vector<Json> events;
  if (format == Format::kTable) PrintLine("Progress:\n    ID  Time                  Type");
  do {
    auto page = client.CallFor<api::GetWorkflowExecutionHistoryResponse>(
        kWorkflowService, "GetWorkflowExecutionHistory", request, kPollTimeout);
    if (flags.is_following && absl::IsDeadlineExceeded(page.status())) continue;
    if (!page.ok()) return page.status();
    bool is_closed = false;
    for (const HistoryEvent& event : page->history().events()) {
      is_closed = is_closed || IsClosing(event);
      if (format == Format::kJson) {
        events.push_back(ToJson(event));
      } else {
        PrintEvent(event, format, flags);
      }
    }
    request.set_next_page_token(page->next_page_token());
    if (is_closed && flags.is_following) break;
  } while (!request.next_page_token().empty());
  if (format == Format::kJson) {
    Json history;
    history["events"] = events;
    PrintJson(history, format);
  }
  return absl::OkStatus();
}

}  // namespace

void AddViewCommands(CLI::App& workflow, const SessionPtr& session) {
  CLI::App& list = *workflow.add_subcommand("list", "List workflows, newest first.");
  auto list_flags = std::make_shared<ListFlags>();
  list.add_option("-q,--query", list_flags->query, "Filter, such as WorkflowType = 'Order'.");
  list.add_option("--limit", list_flags->limit, "At most so many.")->check(CLI::NonNegativeNumber);
  list.add_option("--page-size", list_flags->page_size, "Asked for at once.")
      ->check(CLI::Range(1, 1000));
  OnCommand(list, session, [list_flags](Client& client, Format format) {
    return List(client, format, *list_flags);
  });

  CLI::App& count = *workflow.add_subcommand("count", "Count workflows.");
  auto query = std::make_shared<std::string>();
  count.add_option("-q,--query", *query, "Filter; may end with GROUP BY ExecutionStatus.");
  OnCommand(count, session,
            [query](Client& client, Format format) { return Count(client, format, *query); });

  CLI::App& describe = *workflow.add_subcommand("describe", "Show a workflow's state.");
  auto described = AddTarget(describe);
  OnCommand(describe, session, [described](Client& client, Format format) {
    return Describe(client, format, *described);
  });

  CLI::App& show = *workflow.add_subcommand("show", "Show a workflow's history.");
  auto shown = AddTarget(show);
  auto show_flags = std::make_shared<ShowFlags>();
  show.add_flag("-f,--follow", show_flags->is_following, "Go on until the workflow ends.");
  show.add_flag("--detailed", show_flags->is_detailed, "With what each event says.");
  OnCommand(show, session, [shown, show_flags](Client& client, Format format) {
    return Show(client, format, *shown, *show_flags);
  });
}

}  // namespace perdure::cli
