// RECORD_MARKER, UPSERT_WORKFLOW_SEARCH_ATTRIBUTES and MODIFY_WORKFLOW_PROPERTIES.
#include "absl/strings/str_cat.h"
#include "machines/workflow/command/handler.h"

namespace perdure::machines {

bool HandleRecordMarker(Completion& completion, const Command& command) {
  Draft& draft = completion.draft;
  constexpr auto kBad = enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_RECORD_MARKER_ATTRIBUTES;
  const auto& attributes = command.record_marker_command_attributes();
  if (attributes.marker_name().empty()) {
    return completion.Fail(kBad, "MarkerName is not set on RecordMarkerCommand.");
  }
  if (attributes.marker_name().size() > static_cast<size_t>(draft.limits().id_length)) {
    return completion.Fail(kBad, "MarkerName on RecordMarkerCommand exceeds length limit.");
  }
  int64_t size = 0;
  for (const auto& [name, payloads] : attributes.details()) {
    size += static_cast<int64_t>(name.size() + payloads.ByteSizeLong());
  }
  if (size > draft.limits().blob_size_bytes) {
    return completion.Terminate(kBad, "RecordMarkerCommandAttributes.Details exceeds size limit.");
  }
  HistoryEvent event = completion.EventOf(command, enums::EVENT_TYPE_MARKER_RECORDED);
  auto* out = event.mutable_marker_recorded_event_attributes();
  out->set_marker_name(attributes.marker_name());
  *out->mutable_details() = attributes.details();
  out->set_workflow_task_completed_event_id(completion.completed_id);
  if (attributes.has_header()) *out->mutable_header() = attributes.header();
  if (attributes.has_failure()) *out->mutable_failure() = attributes.failure();
  draft.Add(std::move(event));
  return true;
}

bool HandleUpsertSearchAttributes(Completion& completion, const Command& command) {
  Draft& draft = completion.draft;
  constexpr auto kBad = enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES;
  const auto& attributes =
      command.upsert_workflow_search_attributes_command_attributes().search_attributes();
  if (attributes.indexed_fields().empty()) {
    return completion.Fail(kBad,
                           "IndexedFields is not set on UpsertWorkflowSearchAttributesCommand.");
  }
  if (const absl::Status status = CheckSearchAttributes(draft.context(), attributes);
      !status.ok()) {
    return completion.Fail(kBad, status.message());
  }
  if (PayloadMapSize(attributes.indexed_fields()) > draft.limits().blob_size_bytes) {
    return completion.Terminate(
        kBad, "UpsertWorkflowSearchAttributesCommandAttributes exceeds size limit.");
  }
  int64_t total = PayloadMapSize(attributes.indexed_fields());
  for (const std::string& name : draft.state().search_attributes.Keys()) {
    if (attributes.indexed_fields().contains(name)) continue;
    total += static_cast<int64_t>(name.size() +
                                  draft.state().search_attributes.Find(name)->data().size());
  }
  if (total > draft.limits().search_attribute_total_bytes) {
    return completion.Terminate(
        kBad, absl::StrCat("total size of search attributes ", total, " exceeds size limit ",
                           draft.limits().search_attribute_total_bytes));
  }
  HistoryEvent event =
      completion.EventOf(command, enums::EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES);
  auto* out = event.mutable_upsert_workflow_search_attributes_event_attributes();
  out->set_workflow_task_completed_event_id(completion.completed_id);
  *out->mutable_search_attributes() = attributes;
  draft.Add(std::move(event));
  return true;
}

bool HandleModifyProperties(Completion& completion, const Command& command) {
  Draft& draft = completion.draft;
  constexpr auto kBad = enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_MODIFY_WORKFLOW_PROPERTIES_ATTRIBUTES;
  const auto& attributes = command.modify_workflow_properties_command_attributes();
  if (!attributes.has_upserted_memo()) {
    return completion.Fail(kBad, "UpsertedMemo is not set on ModifyWorkflowPropertiesCommand.");
  }
  if (attributes.upserted_memo().fields().empty()) {
    return completion.Fail(kBad,
                           "UpsertedMemo.Fields is not set on ModifyWorkflowPropertiesCommand.");
  }
  int64_t total = PayloadMapSize(attributes.upserted_memo().fields());
  if (total > draft.limits().blob_size_bytes) {
    return completion.Terminate(kBad,
                                "ModifyWorkflowPropertiesCommandAttributes exceeds size limit.");
  }
  for (const std::string& name : draft.state().memo.Keys()) {
    if (attributes.upserted_memo().fields().contains(name)) continue;
    total += static_cast<int64_t>(name.size() + draft.state().memo.Find(name)->data().size());
  }
  if (total > draft.limits().memo_size_bytes) {
    return completion.Terminate(
        kBad, "ModifyWorkflowPropertiesCommandAttributes. Memo exceeds size limit.");
  }
  HistoryEvent event = completion.EventOf(command, enums::EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED);
  auto* out = event.mutable_workflow_properties_modified_event_attributes();
  out->set_workflow_task_completed_event_id(completion.completed_id);
  *out->mutable_upserted_memo() = attributes.upserted_memo();
  draft.Add(std::move(event));
  return true;
}

}  // namespace perdure::machines
