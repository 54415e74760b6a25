#include "machines/workflow/load.h"

#include "base/check.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/wire_format_lite.h"

namespace perdure::machines {

void AppendChange(const pb::Change& change, std::string& record) {
  if (record.empty()) {
    pb::JournalRecord first;
    first.set_version(1);
    first.SerializeToString(&record);
  }
  using google::protobuf::internal::WireFormatLite;
  google::protobuf::io::StringOutputStream stream(&record);
  google::protobuf::io::CodedOutputStream out(&stream);
  out.WriteTag(WireFormatLite::MakeTag(pb::JournalRecord::kChangesFieldNumber,
                                       WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
  out.WriteVarint32(static_cast<uint32_t>(change.ByteSizeLong()));
  change.SerializeWithCachedSizes(&out);
}

absl::StatusOr<State> LoadSnapshot(absl::string_view bytes) {
  pb::Snapshot snapshot;
  if (!snapshot.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError("a snapshot is no message");
  }
  // What is told in two lists belongs together.
  if (snapshot.activities_size() != snapshot.activity_events_size() ||
      snapshot.children_size() != snapshot.child_events_size()) {
    return absl::DataLossError("a snapshot has pending entities without their events");
  }
  if (snapshot.info().next_event_id() < 1) {
    return absl::DataLossError("a snapshot has no place in its history");
  }
  return State::FromSnapshot(snapshot);
}

absl::StatusOr<pb::JournalRecord> LoadRecord(State& state, absl::string_view bytes) {
  pb::JournalRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError("a record is no message");
  }
  EventId next = state.info.next_event_id();
  for (const pb::Change& change : record.changes()) {
    if (change.kind_case() == pb::Change::KIND_NOT_SET) {
      return absl::DataLossError("a record holds a change that this version does not know");
    }
    if (change.has_created()) next = 1;
    if (!change.has_event()) continue;
    if (next < 1 || change.event().event_id() != next) {
      return absl::DataLossError("the events of a record are not those that come next");
    }
    next = change.event().event_id() + 1;
  }
  const int64_t bugs = base::BugCount();
  state.ApplyRecord(record);
  if (base::BugCount() != bugs) {
    return absl::DataLossError("a record contradicts the state that it follows");
  }
  return record;
}

}  // namespace perdure::machines
