// Lists and counts of a simulated database.
#include <algorithm>

#include "query/matches.h"
#include "store/simulated/simulated_state.h"

namespace perdure::store::simulated {

using query::Value;

Value SimulatedState::SystemValueOf(const Run& run, const std::string& name) {
  const VisibilityRow& row = *run.row;
  const auto text = [](const std::string& value) { return value.empty() ? Value() : Value(value); };
  const auto closed = [&row](int64_t value) { return row.close_time ? Value(value) : Value(); };
  if (name == "WorkflowId") return Value(run.workflow_id.value());
  if (name == "RunId") return Value(run.run_id.value());
  if (name == "WorkflowType") return Value(row.workflow_type);
  if (name == "TaskQueue") return Value(row.task_queue);
  if (name == "ExecutionStatus") return Value(int64_t{row.status});
  if (name == "StartTime") return Value(row.start_time);
  if (name == "ExecutionTime") return Value(row.execution_time);
  if (name == "CloseTime") return row.close_time ? Value(*row.close_time) : Value();
  if (name == "HistoryLength") return closed(row.history_length);
  if (name == "HistorySizeBytes") return closed(row.history_size_bytes);
  if (name == "StateTransitionCount") return closed(row.state_transition_count);
  if (name == "ExecutionDuration") {
    if (!row.close_time) return Value();
    return Value(absl::ToInt64Microseconds(*row.close_time - row.execution_time) * 1000);
  }
  if (name == "ParentWorkflowId") return text(row.parent_workflow_id);
  if (name == "ParentRunId") return text(row.parent_run_id);
  if (name == "RootWorkflowId") return text(row.root_workflow_id);
  return text(row.root_run_id);
}

Value SimulatedState::ValueOf(const Run& run, const query::Field& field) {
  if (field.is_system) return SystemValueOf(run, field.name);
  const auto found = run.row->search_attributes.find(field.name);
  return found == run.row->search_attributes.end() ? Value() : found->second;
}

absl::StatusOr<ListPage> SimulatedState::List(const ListQuery& query) {
  absl::MutexLock lock(&mutex_);
  auto place = order_.lower_bound({query.namespace_number, INT64_MIN, INT64_MIN, ""});
  if (!query.page_token.empty()) {
    const auto after = DecodePageToken(query.page_token);
    if (!after.ok()) return after.status();
    place = order_.upper_bound(
        {query.namespace_number, -after->close_time_us, -after->start_time_us, after->run_id});
  }
  ListPage page;
  for (; place != order_.end() && std::get<0>(place->first) == query.namespace_number; ++place) {
    const Run& run = runs_.at(place->second);
    const auto lookup = [&run](const query::Field& field) { return ValueOf(run, field); };
    if (!query::Matches(query.filter.get(), lookup).value_or(false)) continue;
    if (static_cast<int64_t>(page.executions.size()) == query.page_size) {
      const ListedExecution& last = page.executions.back();
      PagePosition position;
      position.close_time_us =
          last.row.close_time ? absl::ToUnixMicros(*last.row.close_time) : kOpenCloseTime;
      position.start_time_us = absl::ToUnixMicros(last.row.start_time);
      position.run_id = RunIdToBytes(last.run_id).value_or("");
      page.next_page_token = EncodePageToken(position);
      break;
    }
    page.executions.push_back({run.workflow_id, run.run_id, *run.row});
  }
  return page;
}

CountResult SimulatedState::Count(const CountQuery& query) {
  absl::MutexLock lock(&mutex_);
  CountResult result;
  std::map<Value, int64_t> groups;
  const query::Field group_field = {query.group_by, query::Type::kKeyword,
                                    query::SystemFields().count(query.group_by) > 0};
  auto place = order_.lower_bound({query.namespace_number, INT64_MIN, INT64_MIN, ""});
  for (; place != order_.end() && std::get<0>(place->first) == query.namespace_number; ++place) {
    const Run& run = runs_.at(place->second);
    const auto lookup = [&run](const query::Field& field) { return ValueOf(run, field); };
    if (!query::Matches(query.filter.get(), lookup).value_or(false)) continue;
    result.total += 1;
    if (!query.group_by.empty()) groups[ValueOf(run, group_field)] += 1;
  }
  for (const auto& [value, count] : groups) result.groups.push_back({value, count});
  std::sort(result.groups.begin(), result.groups.end(), [](const auto& a, const auto& b) {
    return a.count != b.count ? a.count > b.count : a.value < b.value;
  });
  return result;
}

}  // namespace perdure::store::simulated
