#include "store/postgres/commit_statements.h"

#include <utility>

#include "store/checks.h"
#include "store/sql/attributes.h"
#include "store/sql/packing.h"

namespace perdure::store::postgres {
namespace {

std::optional<int64_t> Micros(const std::optional<absl::Time>& time) {
  if (!time.has_value()) return std::nullopt;
  return absl::ToUnixMicros(*time);
}

std::optional<absl::string_view> NullIfEmpty(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return absl::string_view(text);
}

// The two columns that every multi-row statement begins with.
struct Keys {
  Array shards{TypeOid::kInt16};
  Array numbers{TypeOid::kInt64};

  void Add(const ExecutionKey& key) {
    shards.Add(int64_t{key.shard.value()});
    numbers.Add(key.number.value());
  }
  bool empty() const { return shards.size() == 0; }
  // The statement and the form of its parameters, by the number of rows.
  const Statement& Pick(const Statement& many) const {
    return shards.size() == 1 ? ForOneRow(many) : many;
  }
  Parameters::Form form() const {
    return shards.size() == 1 ? Parameters::Form::kOneRow : Parameters::Form::kArrays;
  }
};

class Builder {
 public:
  Builder(const std::vector<RunChange>& changes, int64_t row_format)
      : changes_(changes), is_packed_(row_format >= kRowFormatPacked) {}

  std::vector<PipelinedStatement> Build(const std::vector<IncarnationId>& incarnations) {
    const bool begins_apart = incarnations.size() != 1 || !ChecksWithRows();
    if (begins_apart) {
      BeginCommit(incarnations);
      EraseRuns();
      UpdateExecutions(/*becoming_current=*/false);
    }
    InsertExecutions(incarnations.front());
    InsertJournal(incarnations.front());
    if (!begins_apart) UpdateExecutions(/*becoming_current=*/false);
    UpdateExecutions(/*becoming_current=*/true);
    PutSnapshots();
    PutVisibility();
    return std::move(statements_);
  }

 private:
  void Add(const Statement& statement, Parameters parameters, bool is_write = true) {
    statements_.push_back({&statement, std::move(parameters), is_write});
  }

  // Whether the rows of runs and journals that are inserted make all checks, before anything else
  // is written: no run is changed without going on with its journal, and none leaves a place to
  // another.
  bool ChecksWithRows() const {
    for (const RunChange& change : changes_) {
      if (change.create != nullptr) continue;
      if (change.previous_sequence() == 0) return false;
      if (!change.is_current.value_or(true)) return false;
    }
    return !changes_.empty();
  }

  void BeginCommit(const std::vector<IncarnationId>& incarnations) {
    Keys keys;
    Array previous(TypeOid::kInt32);
    for (const RunChange& change : changes_) {
      if (change.create != nullptr) continue;
      keys.Add(change.key);
      previous.Add(change.previous_sequence());
    }
    for (const IncarnationId incarnation : incarnations) {
      Add(kBeginCommit,
          Parameters().Int64(incarnation.value()).Add(keys.shards).Add(keys.numbers).Add(previous),
          /*is_write=*/false);
    }
  }

  void EraseRuns() {
    Keys keys;
    for (const RunChange& change : changes_) {
      if (change.is_erased) keys.Add(change.key);
    }
    if (!keys.empty()) Add(kEraseRuns, Parameters().Add(keys.shards).Add(keys.numbers));
  }

  // A place is left before another run takes it.
  void UpdateExecutions(bool becoming_current) {
    Keys keys;
    Array sets_wake(TypeOid::kBool);
    Array wake_at(TypeOid::kInt64);
    Array is_closed(TypeOid::kBool);
    Array is_current(TypeOid::kBool);
    for (const RunChange& change : changes_) {
      if (!change.updates_execution()) continue;
      if (change.is_current.value_or(false) != becoming_current) continue;
      keys.Add(change.key);
      sets_wake.Add(change.wake_at.has_value());
      wake_at.Add(change.wake_at ? Micros(*change.wake_at) : std::nullopt);
      is_closed.Add(change.is_closed);
      is_current.Add(change.is_current);
    }
    if (keys.empty()) return;
    Add(keys.Pick(kUpdateExecutions), Parameters(keys.form())
                                          .Add(keys.shards)
                                          .Add(keys.numbers)
                                          .Add(sets_wake)
                                          .Add(wake_at)
                                          .Add(is_closed)
                                          .Add(is_current));
  }

  void InsertExecutions(IncarnationId incarnation) {
    Keys keys;
    Array namespaces(TypeOid::kInt32);
    Array workflow_ids(TypeOid::kText);
    Array run_ids(TypeOid::kUuid);
    Array is_current(TypeOid::kBool);
    Array is_closed(TypeOid::kBool);
    Array wake_at(TypeOid::kInt64);
    for (const RunChange& change : changes_) {
      if (change.create == nullptr) continue;
      keys.Add(change.key);
      namespaces.Add(int64_t{change.create->namespace_number.value()});
      workflow_ids.Add(absl::string_view(change.create->workflow_id.value()));
      run_ids.Add(absl::string_view(RunIdToBytes(change.create->run_id).value_or("")));
      is_current.Add(change.is_current.value_or(false));
      is_closed.Add(change.is_closed.value_or(false));
      wake_at.Add(change.wake_at ? Micros(*change.wake_at) : std::nullopt);
    }
    if (keys.empty()) return;
    Add(keys.Pick(kInsertExecutions), Parameters(keys.form())
                                          .Int64(incarnation.value())
                                          .Add(keys.shards)
                                          .Add(keys.numbers)
                                          .Add(namespaces)
                                          .Add(workflow_ids)
                                          .Add(run_ids)
                                          .Add(is_current)
                                          .Add(is_closed)
                                          .Add(wake_at));
  }

  void InsertJournal(IncarnationId incarnation) {
    Keys keys;
    Array sequences(TypeOid::kInt32);
    Array records(TypeOid::kBytes);
    Array previous(TypeOid::kInt32);
    for (const RunChange& change : changes_) {
      const bool goes_on = change.create == nullptr && change.previous_sequence() > 0;
      for (const RunChange::Record& record : change.records) {
        const bool is_first = &record == &change.records.front();
        keys.Add(change.key);
        sequences.Add(record.sequence);
        records.Add(absl::string_view(is_packed_ ? sql::PackRecord(*record.bytes) : *record.bytes));
        previous.Add(goes_on && is_first ? std::optional(record.sequence - 1) : std::nullopt);
      }
    }
    if (keys.empty()) return;
    Add(keys.Pick(kInsertJournal), Parameters(keys.form())
                                       .Int64(incarnation.value())
                                       .Add(keys.shards)
                                       .Add(keys.numbers)
                                       .Add(sequences)
                                       .Add(records)
                                       .Add(previous));
  }

  void PutSnapshots() {
    Keys keys;
    Array sequences(TypeOid::kInt32);
    Array states(TypeOid::kBytes);
    for (const RunChange& change : changes_) {
      if (change.snapshot == nullptr) continue;
      keys.Add(change.key);
      sequences.Add(change.snapshot->sequence);
      states.Add(absl::string_view(change.snapshot->bytes));
    }
    if (keys.empty()) return;
    Add(keys.Pick(kPutSnapshots),
        Parameters(keys.form()).Add(keys.shards).Add(keys.numbers).Add(sequences).Add(states));
  }

  void PutVisibility() {
    Keys keys;
    Array status(TypeOid::kInt16);
    Array text[6] = {Array(TypeOid::kText), Array(TypeOid::kText), Array(TypeOid::kText),
                     Array(TypeOid::kText), Array(TypeOid::kText), Array(TypeOid::kText)};
    Array numbers[6] = {Array(TypeOid::kInt64), Array(TypeOid::kInt64), Array(TypeOid::kInt64),
                        Array(TypeOid::kInt64), Array(TypeOid::kInt64), Array(TypeOid::kInt64)};
    Array attributes(TypeOid::kText);
    Array memo(TypeOid::kBytes);
    for (const RunChange& change : changes_) {
      if (change.visibility == nullptr) continue;
      const VisibilityRow& row = *change.visibility;
      const bool is_closed = row.close_time.has_value();
      const auto closed_only = [is_closed](int64_t value) {
        return is_closed ? std::optional<int64_t>(value) : std::nullopt;
      };
      keys.Add(change.key);
      status.Add(int64_t{row.status});
      numbers[0].Add(absl::ToUnixMicros(row.start_time));
      numbers[1].Add(absl::ToUnixMicros(row.execution_time));
      numbers[2].Add(Micros(row.close_time));
      numbers[3].Add(closed_only(row.history_length));
      numbers[4].Add(closed_only(row.history_size_bytes));
      numbers[5].Add(closed_only(row.state_transition_count));
      text[0].Add(absl::string_view(row.workflow_type));
      text[1].Add(absl::string_view(row.task_queue));
      text[2].Add(NullIfEmpty(row.parent_workflow_id));
      text[3].Add(NullIfEmpty(row.parent_run_id));
      text[4].Add(NullIfEmpty(row.root_workflow_id));
      text[5].Add(NullIfEmpty(row.root_run_id));
      const std::string json = sql::EncodeAttributes(row.search_attributes);
      attributes.Add(NullIfEmpty(json));
      memo.Add(NullIfEmpty(row.memo));
    }
    if (keys.empty()) return;
    Parameters parameters(keys.form());
    parameters.Add(keys.shards).Add(keys.numbers).Add(status);
    for (const Array& column : numbers) parameters.Add(column);
    for (const Array& column : text) parameters.Add(column);
    parameters.Add(attributes).Add(memo).Bool(is_packed_);
    Add(keys.Pick(kPutVisibility), std::move(parameters));
  }

  const std::vector<RunChange>& changes_;
  const bool is_packed_;
  std::vector<PipelinedStatement> statements_;
};

}  // namespace

std::vector<PipelinedStatement> CommitStatements(const std::vector<IncarnationId>& incarnations,
                                                 const std::vector<RunChange>& changes,
                                                 int64_t row_format) {
  return Builder(changes, row_format).Build(incarnations);
}

}  // namespace perdure::store::postgres
