#include "perdure/history.h"

#include "perdure/errors.h"
#include "worker-sdk/core/history_json.h"

namespace perdure {

History History::from_json(std::string workflow_id, std::string_view json) {
  const auto history = core::HistoryFromJson(json);
  if (!history.ok()) throw DecodeError("$", std::string(history.status().message()));
  return {std::move(workflow_id), history->SerializeAsString()};
}

std::string History::to_json() const {
  temporal::api::history::v1::History history;
  if (!history.ParseFromString(serialized_)) throw DecodeError("$", "not the bytes of a history");
  absl::StatusOr<std::string> json = core::HistoryToJson(history);
  if (!json.ok()) throw DecodeError("$", std::string(json.status().message()));
  return *std::move(json);
}

}  // namespace perdure
