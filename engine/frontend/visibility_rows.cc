#include "frontend/visibility_rows.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "frontend/search_attributes.h"
#include "frontend/wire_time.h"
#include "query/attributes.h"

namespace perdure::frontend {

namespace enums = temporal::api::enums::v1;
using temporal::api::common::v1::SearchAttributes;
using temporal::api::workflow::v1::WorkflowExecutionInfo;

namespace {

// Attributes that were removed from the namespace since are not shown.
void FillAttributes(const store::VisibilityRow& row, const services::Namespace& name_space,
                    WorkflowExecutionInfo* info) {
  if (row.search_attributes.empty()) return;
  auto& fields = *info->mutable_search_attributes()->mutable_indexed_fields();
  for (const auto& [name, value] : row.search_attributes) {
    query::Type type = query::Type::kKeyword;
    const bool is_unset = std::holds_alternative<std::monostate>(value);
    if (is_unset || !TypeOfAttribute(name, name_space, &type)) continue;
    fields[name] = query::EncodeAttribute(value, type);
  }
  if (fields.empty()) info->clear_search_attributes();
}

void FillClosed(const store::VisibilityRow& row, WorkflowExecutionInfo* info) {
  if (!row.close_time.has_value()) return;
  *info->mutable_close_time() = ToProto(*row.close_time);
  *info->mutable_execution_duration() = ToProto(*row.close_time - row.execution_time);
  info->set_history_length(row.history_length);
  info->set_history_size_bytes(row.history_size_bytes);
  info->set_state_transition_count(row.state_transition_count);
}

}  // namespace

WorkflowExecutionInfo ExecutionInfoFrom(const store::ListedExecution& listed,
                                        const services::Namespace& name_space) {
  const store::VisibilityRow& row = listed.row;
  WorkflowExecutionInfo info;
  info.mutable_execution()->set_workflow_id(listed.workflow_id.value());
  info.mutable_execution()->set_run_id(listed.run_id.value());
  info.mutable_type()->set_name(row.workflow_type);
  info.set_task_queue(row.task_queue);
  info.set_status(static_cast<enums::WorkflowExecutionStatus>(row.status));
  *info.mutable_start_time() = ToProto(row.start_time);
  *info.mutable_execution_time() = ToProto(row.execution_time);
  if (!row.parent_workflow_id.empty()) {
    info.mutable_parent_execution()->set_workflow_id(row.parent_workflow_id);
    info.mutable_parent_execution()->set_run_id(row.parent_run_id);
  }
  if (!row.root_workflow_id.empty()) {
    info.mutable_root_execution()->set_workflow_id(row.root_workflow_id);
    info.mutable_root_execution()->set_run_id(row.root_run_id);
  }
  // A memo that does not parse is a bug elsewhere; the row is still worth showing.
  if (!row.memo.empty()) info.mutable_memo()->ParseFromString(row.memo);
  FillClosed(row, &info);
  FillAttributes(row, name_space, &info);
  return info;
}

temporal::api::workflowservice::v1::CountWorkflowExecutionsResponse CountResponseFrom(
    const store::CountResult& result, absl::string_view group_by,
    const services::Namespace& name_space) {
  temporal::api::workflowservice::v1::CountWorkflowExecutionsResponse response;
  response.set_count(result.total);
  int64_t sum = 0;
  for (const store::CountResult::Group& group : result.groups) {
    query::Type type = query::Type::kKeyword;
    TypeOfAttribute(group_by, name_space, &type);
    query::Value value = group.value;
    const auto* status = std::get_if<int64_t>(&value);
    if (group_by == "ExecutionStatus" && status != nullptr) {
      value = StatusNameOf(static_cast<enums::WorkflowExecutionStatus>(*status));
    }
    auto& shown = *response.add_groups();
    *shown.add_group_values() = query::EncodeAttribute(value, type);
    shown.set_count(group.count);
    sum += group.count;
  }
  if (!group_by.empty()) response.set_count(sum);
  return response;
}

std::string StatusNameOf(enums::WorkflowExecutionStatus status) {
  constexpr absl::string_view kPrefix = "WORKFLOW_EXECUTION_STATUS_";
  const std::string& full = enums::WorkflowExecutionStatus_Name(status);
  if (full.size() <= kPrefix.size()) return full;
  std::string name;
  for (const absl::string_view word :
       absl::StrSplit(absl::string_view(full).substr(kPrefix.size()), '_')) {
    std::string lower = absl::AsciiStrToLower(word);
    if (!lower.empty()) lower[0] = absl::ascii_toupper(lower[0]);
    name += lower;
  }
  return name;
}

}  // namespace perdure::frontend
