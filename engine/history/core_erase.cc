// Runs that go with all their rows, and those that have grown too large to go unnoticed.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "history/core.h"

namespace perdure::history {
namespace {

// How long a read of a run's rows can be under way.
constexpr absl::Duration kReadMax = absl::Seconds(30);
// Runs whose retention is over that leave at once, and when one is tried again that could not.
constexpr int64_t kErasuresMax = 200;
constexpr absl::Duration kEraseRetry = absl::Seconds(1);

}  // namespace

void Core::Erase(const ExecutionPtr& execution, After after) {
  // On its way to another owner, who may have read it when the rows go.
  if (!IsServed(*execution)) return AnswerMoved(std::move(after));
  Committer::Entry& entry = committer_->Queue(execution);
  store::ExecutionCommit erase;
  erase.key = execution->key;
  erase.erase = true;
  // Nothing else can be queued for it: only closed runs with everything committed are erased.
  entry.commit = std::move(erase);
  entry.after.push_back(std::move(after));
  const auto key = RunKey(execution->name_space->number.value(), execution->run_id);
  erasing_.insert(key);
  entry.after.push_back([this, key](const absl::Status& status) {
    if (!status.ok()) {
      erasing_.erase(key);
      return;
    }
    meters_.RunErased();
    // A read that began before may still be under way.
    loop_.After(kReadMax, [this, key] { erasing_.erase(key); });
  });
  Drop(execution);
}

void Core::EraseRow(const store::DueExecution& row) {
  to_erase_.push_back(row);
  EraseSome();
}

void Core::EraseIfOverdue(const Execution& execution) {
  const auto& wake_at = execution.row_wake_at;
  if (!wake_at.has_value() || *wake_at <= absl::UnixEpoch() || *wake_at > due_checked_.wake_at) {
    return;
  }
  if (!is_serving_ || execution.is_dropped) return;
  // This commit may be the one that erases it.
  if (erasing_.contains(RunKey(execution.name_space->number.value(), execution.run_id))) return;
  Due({.key = execution.key,
       .namespace_number = execution.name_space->number,
       .workflow_id = base::WorkflowId(execution.workflow_id),
       .run_id = base::RunId(execution.run_id),
       .is_closed = true,
       .wake_at = *wake_at});
}

void Core::EraseIfOrphan(const store::DueExecution& row) {
  if (gone_namespaces_.contains(row.namespace_number)) return EraseRow(row);
  // Another node may have made it a moment ago, and this one could not read of it yet.
  store_.ListNamespaces(
      [this, row, life = life_](absl::StatusOr<std::vector<store::NamespaceRow>> rows) {
        loop_.Post([this, row, life, rows = std::move(rows)] {
          if (!is_serving_ || life != life_) return;
          const bool is_gone =
              rows.ok() && std::none_of(rows->begin(), rows->end(), [&row](const auto& known) {
                return known.number == row.namespace_number;
              });
          if (is_gone) {
            gone_namespaces_.insert(row.namespace_number);
            return EraseRow(row);
          }
          loop_.After(kEraseRetry, [this, row] {
            if (is_serving_) Due(row);
          });
        });
      });
}

void Core::EraseSome() {
  while (is_serving_ && erasures_in_flight_ < kErasuresMax && !to_erase_.empty()) {
    const store::DueExecution row = std::move(to_erase_.front());
    to_erase_.pop_front();
    if (!Serves(row.key.shard)) continue;
    // Read twice, or being deleted by request: whether it is gone shows in a moment.
    if (erasing_.contains(RunKey(row.namespace_number.value(), row.run_id.value()))) {
      EraseAgain(row);
      continue;
    }
    ++erasures_in_flight_;
    EraseNow(row, [this, row](const absl::Status& status) {
      --erasures_in_flight_;
      // The cursor of due rows is past it: nobody else would come back to it.
      if (!status.ok() && is_serving_) EraseAgain(row);
      EraseSome();
    });
  }
}

// It may have been done, its answer lost. The erasure of a run that is not there is refused, and
// takes all that is committed along with it.
void Core::EraseAgain(const store::DueExecution& row) {
  loop_.After(kEraseRetry, [this, row, life = life_] {
    if (!is_serving_ || life != life_ || !Serves(row.key.shard)) return;
    store_.LoadExecution(row.namespace_number, row.workflow_id, row.run_id,
                         [this, row, life](const absl::StatusOr<store::LoadedExecution>& loaded) {
                           loop_.Post([this, row, life, status = loaded.status()] {
                             if (!is_serving_ || life != life_) return;
                             if (status.ok()) return Due(row);
                             if (!absl::IsNotFound(status)) EraseAgain(row);
                           });
                         });
  });
}

void Core::EraseNow(const store::DueExecution& row, After after) {
  const auto cached = by_run_.find(RunKey(row.namespace_number.value(), row.run_id.value()));
  auto execution = std::make_shared<Execution>();
  execution->key = row.key;
  execution->workflow_id = row.workflow_id.value();
  execution->run_id = row.run_id.value();
  execution->name_space = namespaces_.FindByNumber(row.namespace_number);
  if (execution->name_space == nullptr) {
    auto gone = std::make_shared<services::Namespace>();
    gone->number = row.namespace_number;
    execution->name_space = std::move(gone);
  }
  // Not by reference to what the cache holds: it leaves that.
  if (cached != by_run_.end()) execution = cached->second;
  Erase(execution, std::move(after));
}

void Core::NoteGrowth(const Execution& execution, EventId events_before, int64_t bytes_before) {
  const services::Limits& limits = execution.name_space->limits;
  const pb::ExecutionInfo& info = execution.state.info;
  const auto warn = [&](const char* what) {
    meters_.HistoryGrew(*execution.name_space, what);
    base::LogWarning("a history is above its warning limit",
                     {{"namespace", execution.name_space->name},
                      {"workflow_id", execution.workflow_id},
                      {"run_id", execution.run_id},
                      {"events", info.next_event_id() - 1},
                      {"size_bytes", info.history_size_bytes()}});
  };
  const bool has_many = info.next_event_id() - 1 > limits.history_count_warn;
  if (has_many && events_before <= limits.history_count_warn) warn("count");
  const bool is_large = info.history_size_bytes() > limits.history_size_warn_bytes;
  if (is_large && bytes_before <= limits.history_size_warn_bytes) warn("size");
}

}  // namespace perdure::history
