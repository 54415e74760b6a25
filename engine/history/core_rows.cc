// What of a run's state goes into rows besides its journal: the snapshot and the list row.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "history/core.h"
#include "machines/workflow/decide/overgrown.h"
#include "query/attributes.h"
#include "query/filter.h"

namespace perdure::history {

void Core::FillSnapshot(const ExecutionPtr& execution, store::ExecutionCommit& commit) {
  Execution& run = *execution;
  const int64_t bound =
      std::max(options_.journal_bytes_min, run.snapshot_bytes * options_.journal_growth_max);
  // A snapshot that waits in the queue is taken anew: its record has just grown.
  if (run.journal_bytes_since_snapshot <= bound && !commit.snapshot.has_value()) return;
  store::ExecutionCommit::Snapshot snapshot;
  snapshot.sequence = run.last_sequence;
  snapshot.bytes = run.state.ToSnapshot().SerializeAsString();
  run.snapshot_sequence = snapshot.sequence;
  run.snapshot_bytes = static_cast<int64_t>(snapshot.bytes.size());
  run.journal_bytes_since_snapshot = 0;
  commit.snapshot = std::move(snapshot);
}

int64_t Core::StateBytesAfter(Execution& run, const machines::Decision& decision) {
  const services::Limits& limits = run.name_space->limits;
  const int64_t warn = limits.state_size_warn_bytes;
  const int64_t most = run.state_bytes_max + static_cast<int64_t>(decision.record.ByteSizeLong());
  // A state that stays just below its warning is not measured with each transition.
  const int64_t bound =
      run.is_state_large
          ? limits.state_size_bytes
          : std::min(limits.state_size_bytes, std::max(warn, run.state_bytes_measured + warn / 8));
  if (most <= bound) return most;
  run.state_bytes_measured = machines::StateBytesAfter(run.state, decision);
  return run.state_bytes_measured;
}

void Core::NoteState(Execution& run, int64_t state_bytes) {
  run.state_bytes_max = state_bytes;
  const int64_t warn = run.name_space->limits.state_size_warn_bytes;
  if (run.is_state_large || run.state_bytes_measured <= warn) return;
  run.is_state_large = true;
  meters_.HistoryGrew(*run.name_space, "state");
  base::LogWarning("a run's state is above its warning limit",
                   {{"namespace", run.name_space->name},
                    {"workflow_id", run.workflow_id},
                    {"run_id", run.run_id},
                    {"size_bytes", run.state_bytes_measured}});
}

void Core::FillVisibility(const ExecutionPtr& execution, store::ExecutionCommit& commit) {
  const State& state = execution->state;
  const pb::ExecutionInfo& info = state.info;
  store::VisibilityRow row;
  row.workflow_type = info.workflow_type();
  row.task_queue = info.task_queue();
  row.status = info.status();
  row.start_time = absl::FromUnixNanos(info.start_time_ns());
  row.execution_time = absl::FromUnixNanos(info.execution_time_ns());
  if (!state.IsRunning()) {
    row.close_time = absl::FromUnixNanos(info.close_time_ns());
    row.history_length = info.next_event_id() - 1;
    row.history_size_bytes = info.history_size_bytes();
    row.state_transition_count = info.transition_count();
  }
  row.parent_workflow_id = info.parent_workflow_id();
  row.parent_run_id = info.parent_run_id();
  row.root_workflow_id = info.root_workflow_id();
  row.root_run_id = info.root_run_id();
  if (!state.memo.empty()) {
    temporal::api::common::v1::Memo memo;
    for (const std::string& name : state.memo.Keys()) {
      (*memo.mutable_fields())[name] = *state.memo.Find(name);
    }
    row.memo = memo.SerializeAsString();
  }
  const auto& types = *ContextFor(execution->name_space).search_attributes;
  for (const std::string& name : state.search_attributes.Keys()) {
    const auto type = types.find(name);
    query::Type known;
    if (type == types.end() || !query::TypeFromWire(type->second, known)) continue;
    auto value = query::DecodeAttribute(name, *state.search_attributes.Find(name), known);
    if (!value.ok() || std::holds_alternative<std::monostate>(*value)) continue;
    row.search_attributes[name] = *std::move(value);
  }
  commit.visibility = std::move(row);
}

}  // namespace perdure::history
