#include "machines/workflow/rig.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/util/message_differencer.h"

namespace perdure::machines {

namespace {

// Without what only memory knows: stamps count speculative tasks too, and one that is dropped
// leaves an empty shell behind.
pb::Snapshot Durable(const State& state) {
  pb::Snapshot snapshot = state.ToSnapshot();
  snapshot.mutable_info()->clear_workflow_task_stamp();
  snapshot.mutable_info()->mutable_workflow_task()->clear_stamp();
  if (!state.HasTask() || state.info.workflow_task().type() == pb::WorkflowTask::SPECULATIVE) {
    snapshot.mutable_info()->clear_workflow_task();
  }
  return snapshot;
}

}  // namespace

std::string SnapshotBytes(const State& state) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    Durable(state).SerializeToCodedStream(&coded);
  }
  return bytes;
}

Rig::Rig(uint64_t seed) : random_(seed) {}

api::StartWorkflowExecutionRequest Rig::StartRequest() {
  api::StartWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.set_workflow_id("w");
  request.set_request_id("start");
  request.mutable_workflow_type()->set_name("T");
  request.mutable_task_queue()->set_name("q");
  return request;
}

Context Rig::context() {
  Context context;
  context.now_ns = now_ns_;
  context.random = &random_;
  context.limits = &limits_;
  context.name_space = {1, "7b0e0f0c-0000-4000-8000-000000000001", "default"};
  context.search_attributes = &search_attributes_;
  context.find_namespace = [](absl::string_view name) -> std::optional<NamespaceFacts> {
    if (name != "default") return std::nullopt;
    return NamespaceFacts{1, "7b0e0f0c-0000-4000-8000-000000000001", "default"};
  };
  return context;
}

void Rig::Start(const api::StartWorkflowExecutionRequest& request) {
  auto decision = DecideStart(nullptr, request, random_.Uuid(), context());
  if (decision.ok() && decision->created.has_value()) Adopt(*decision->created);
}

void Rig::Adopt(const NewRun& run) {
  const NewRun kept = run;
  state_ = State();
  unflushed_.Clear();
  journal_.clear();
  snapshot_.clear();
  snapshot_records_ = 0;
  events_.clear();
  new_runs_.clear();
  Decision decision;
  decision.record = kept.record;
  Apply(decision);
  Flush();
}

void Rig::Apply(const Decision& decision) {
  if (decision.record.changes_size() == 0) return;
  if (unflushed_.changes_size() == 0) unflushed_first_event_id_ = state_.info.next_event_id();
  unflushed_.set_version(1);
  for (const pb::Change& change : decision.record.changes()) {
    state_.Apply(change);
    if (change.has_event()) events_.push_back(change.event());
    if (!IsVolatile(change)) *unflushed_.add_changes() = change;
  }
  for (const NewRun& run : decision.new_runs) new_runs_.push_back(run);
  for (const UpdateNotice& notice : decision.update_notices) notices_.push_back(notice);
  if (!decision.is_lazy && decision.HasDurableChanges()) Flush();
}

void Rig::Flush() {
  if (unflushed_.changes_size() == 0) return;
  state_.EndRecord(unflushed_first_event_id_);
  pb::JournalRecord record;
  // As bytes: what the wire format loses must not matter.
  record.ParseFromString(unflushed_.SerializeAsString());
  journal_.push_back(std::move(record));
  unflushed_.Clear();
  if (random_.Chance(0.1)) {
    snapshot_ = state_.ToSnapshot().SerializeAsString();
    snapshot_records_ = journal_.size();
  }
}

std::string Rig::Difference() {
  Flush();
  State whole;
  for (const pb::JournalRecord& record : journal_) whole.ApplyRecord(record);
  pb::Snapshot parsed;
  parsed.ParseFromString(snapshot_);
  State resumed = snapshot_.empty() ? State() : State::FromSnapshot(parsed);
  for (size_t i = snapshot_records_; i < journal_.size(); ++i) resumed.ApplyRecord(journal_[i]);
  const auto compare = [this](const State& other, const char* name) -> std::string {
    if (SnapshotBytes(state_) == SnapshotBytes(other)) {
      // An attempt that was handed out (volatile) has no dispatch deadline any more.
      if (state_.NextDeadline() == other.NextDeadline() || !state_.activities.empty() ||
          state_.info.workflow_task().type() == pb::WorkflowTask::SPECULATIVE) {
        return "";
      }
      const auto text = [](const std::optional<Deadline>& deadline) {
        return deadline.has_value()
                   ? absl::StrCat(deadline->time_ns, " of kind ", static_cast<int>(deadline->kind),
                                  " id ", deadline->id)
                   : std::string("none");
      };
      return absl::StrCat("live and ", name,
                          " have different deadlines: ", text(state_.NextDeadline()), ", ",
                          text(other.NextDeadline()));
    }
    std::string text;
    google::protobuf::util::MessageDifferencer differencer;
    differencer.ReportDifferencesToString(&text);
    (void)differencer.Compare(Durable(state_), Durable(other));
    return absl::StrCat("live and ", name, " differ: ", text);
  };
  std::string difference = compare(whole, "rebuilt from the journal");
  if (difference.empty()) difference = compare(resumed, "rebuilt from snapshot and tail");
  return difference;
}

void Rig::Crash() {
  const EventId kept =
      unflushed_.changes_size() > 0 ? unflushed_first_event_id_ : state_.info.next_event_id();
  unflushed_.Clear();
  while (!events_.empty() && events_.back().event_id() >= kept) events_.pop_back();
  State rebuilt;
  for (const pb::JournalRecord& record : journal_) rebuilt.ApplyRecord(record);
  state_ = std::move(rebuilt);
  Apply(DecideRecovery(state_, context()));
}

bool Rig::StartTask(const std::string& request_id) {
  if (!state_.HasUnstartedTask()) return false;
  const pb::WorkflowTask& task = state_.info.workflow_task();
  auto decision = DecideTaskStarted(state_, task.scheduled_event_id(), task.stamp(),
                                    {"worker", request_id, "q"}, context());
  if (!decision.ok()) return false;
  Apply(*decision);
  return true;
}

perdure::internal::v1::TaskToken Rig::TaskToken() const {
  const pb::WorkflowTask& task = state_.info.workflow_task();
  perdure::internal::v1::TaskToken token;
  token.set_workflow_id(state_.info.workflow_id());
  token.set_run_id(state_.info.run_id());
  token.set_scheduled_event_id(task.scheduled_event_id());
  token.set_started_event_id(task.started_event_id());
  token.set_attempt(task.attempt());
  token.set_started_time_ns(task.started_time_ns());
  return token;
}

absl::Status Rig::CompleteTask(const api::RespondWorkflowTaskCompletedRequest& request) {
  auto completion = DecideTaskCompleted(state_, TaskToken(), request, context());
  if (!completion.ok()) return completion.status();
  Apply(completion->decision);
  return completion->answer;
}

absl::Status Rig::CompleteTask(const std::vector<temporal::api::command::v1::Command>& commands) {
  api::RespondWorkflowTaskCompletedRequest request;
  request.set_identity("worker");
  for (const auto& command : commands) *request.add_commands() = command;
  return CompleteTask(request);
}

absl::Status Rig::StartActivity(const std::string& activity_id) {
  const EventId* id = state_.activity_ids.Find(activity_id);
  if (id == nullptr) return absl::NotFoundError(activity_id);
  const pb::PendingActivity& info = state_.activities.Find(*id)->info;
  auto decision =
      DecideActivityStarted(state_, *id, info.attempt(), info.stamp(),
                            {"worker", absl::StrCat("poll-", random_.Next()), "q"}, context());
  if (!decision.ok()) return decision.status();
  Apply(*decision);
  return absl::OkStatus();
}

ActivityAnswer Rig::AnswerOf(const std::string& activity_id) const {
  const EventId* id = state_.activity_ids.Find(activity_id);
  if (id == nullptr) return {};
  return {ActivityTokenOf(state_, *state_.activities.Find(*id)), "worker"};
}

bool Rig::RunNextDeadline() {
  const auto next = state_.NextDeadline();
  if (!next.has_value()) return false;
  now_ns_ = std::max(now_ns_, next->time_ns);
  Apply(DecideDeadlines(state_, context()));
  return true;
}

absl::Status Rig::Signal(const std::string& name, const std::string& request_id) {
  api::SignalWorkflowExecutionRequest request;
  request.set_signal_name(name);
  request.set_request_id(request_id);
  auto decision = DecideSignal(state_, request, context());
  if (!decision.ok()) return decision.status();
  Apply(*decision);
  return absl::OkStatus();
}

std::string Rig::Types(EventId from) const {
  std::string types;
  for (const HistoryEvent& event : events_) {
    if (event.event_id() < from) continue;
    absl::string_view name = enums::EventType_Name(event.event_type());
    absl::ConsumePrefix(&name, "EVENT_TYPE_");
    absl::StrAppend(&types, types.empty() ? "" : " ", name);
  }
  return types;
}

}  // namespace perdure::machines
