#include "store/sqlite/commit.h"

#include "store/checks.h"
#include "store/sql/attributes.h"
#include "store/sql/packing.h"
#include "store/sqlite/row_key.h"
#include "store/sqlite/statements.h"

namespace perdure::store::sqlite {
namespace {

std::optional<int64_t> Micros(const std::optional<absl::Time>& time) {
  if (!time.has_value()) return std::nullopt;
  return absl::ToUnixMicros(*time);
}

std::optional<absl::string_view> NullIfEmpty(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return absl::string_view(text);
}

class BatchWriter {
 public:
  BatchWriter(Connection& connection, int64_t& statements)
      : connection_(connection), statements_(statements) {}

  absl::Status CheckIncarnation(IncarnationId incarnation) {
    Query query(connection_, kIncarnationIsFenced);
    ++statements_;
    query.Bind(incarnation.value());
    if (query.Next() && query.Int64(0) == 0) return absl::OkStatus();
    return query.status().ok() ? FencedError(incarnation) : query.status();
  }

  absl::Status Write(const ExecutionCommit& commit) {
    if (commit.erase) return Erase(commit.key);
    absl::Status status = commit.create ? Create(commit) : UpdateExecution(commit);
    if (status.ok() && !commit.journal_record.empty()) status = AppendJournal(commit);
    if (status.ok() && commit.snapshot) status = PutSnapshot(commit);
    if (status.ok() && commit.visibility) status = PutVisibility(commit, *commit.visibility);
    return status;
  }

 private:
  template <class... Values>
  absl::Status Run(Sql sql, const Values&... values) {
    ++statements_;
    Query query(connection_, sql);
    query.Bind(values...);
    return query.Run();
  }

  absl::Status Create(const ExecutionCommit& commit) {
    const ExecutionCommit::Create& create = *commit.create;
    const auto run_id = RunIdToBytes(create.run_id);
    if (!run_id.ok()) return run_id.status();
    const auto wake_at = commit.wake_at ? Micros(*commit.wake_at) : std::nullopt;
    const absl::Status status =
        Run(kInsertExecution, RowKey(commit.key), create.namespace_number.value(),
            create.workflow_id.value(), Blob{*run_id}, create.is_current,
            commit.is_closed.value_or(false), wake_at);
    if (absl::IsAlreadyExists(status)) return CurrentTakenError(commit.key);
    return status;
  }

  absl::Status UpdateExecution(const ExecutionCommit& commit) {
    if (commit.stop_being_current || commit.become_current) {
      const absl::Status status = Update(commit.key, kSetCurrent, commit.become_current);
      if (absl::IsAlreadyExists(status)) return CurrentTakenError(commit.key);
      if (!status.ok()) return status;
    }
    if (commit.wake_at && commit.is_closed) {
      return Update(commit.key, kSetEnd, *commit.is_closed, Micros(*commit.wake_at));
    }
    if (commit.wake_at) {
      const absl::Status status = Update(commit.key, kSetWakeAt, Micros(*commit.wake_at));
      if (!status.ok()) return status;
    }
    if (commit.is_closed) return Update(commit.key, kSetIsClosed, *commit.is_closed);
    return absl::OkStatus();
  }

  template <class... Values>
  absl::Status Update(const ExecutionKey& key, Sql sql, const Values&... values) {
    const int64_t before = connection_.rows_changed();
    const absl::Status status = Run(sql, RowKey(key), values...);
    if (!status.ok()) return status;
    return connection_.rows_changed() == before ? RunMissingError(key) : absl::OkStatus();
  }

  absl::Status AppendJournal(const ExecutionCommit& commit) {
    const ExecutionKey& key = commit.key;
    if (!commit.create) {
      absl::Status status = CheckNextSequence(commit);
      if (!status.ok()) return status;
    }
    return Run(kInsertJournal, RowKey(key), commit.journal_sequence,
               Blob{sql::PackRecord(commit.journal_record)});
  }

  absl::Status CheckNextSequence(const ExecutionCommit& commit) {
    ++statements_;
    Query last(connection_, kLastSequence);
    last.Bind(RowKey(commit.key));
    const int64_t sequence = last.Next() ? last.Int64(0) : 0;
    if (!last.status().ok()) return last.status();
    if (sequence == 0) {
      const absl::Status status = CheckExists(commit.key);
      if (!status.ok()) return status;
    }
    if (sequence + 1 == commit.journal_sequence) return absl::OkStatus();
    return JournalGapError(commit.key, commit.journal_sequence);
  }

  absl::Status CheckExists(const ExecutionKey& key) {
    ++statements_;
    Query query(connection_, kExecutionExists);
    query.Bind(RowKey(key));
    if (query.Next()) return absl::OkStatus();
    return query.status().ok() ? RunMissingError(key) : query.status();
  }

  absl::Status PutSnapshot(const ExecutionCommit& commit) {
    const ExecutionKey& key = commit.key;
    if (!commit.create && commit.journal_record.empty()) {
      const absl::Status status = CheckExists(key);
      if (!status.ok()) return status;
    }
    return Run(kPutSnapshot, RowKey(key), commit.snapshot->sequence, Blob{commit.snapshot->bytes});
  }

  absl::Status PutVisibility(const ExecutionCommit& commit, const VisibilityRow& row) {
    const auto closed_only = [&row](int64_t value) -> std::optional<int64_t> {
      if (!row.close_time.has_value()) return std::nullopt;
      return value;
    };
    const std::string attributes = sql::EncodeAttributes(row.search_attributes);
    std::optional<Blob> memo;
    if (!row.memo.empty()) memo = Blob{row.memo};
    const auto put = [&](Sql sql) {
      return Update(commit.key, sql, row.status, absl::ToUnixMicros(row.start_time),
                    absl::ToUnixMicros(row.execution_time), Micros(row.close_time),
                    closed_only(row.history_length), closed_only(row.history_size_bytes),
                    closed_only(row.state_transition_count), row.workflow_type, row.task_queue,
                    NullIfEmpty(row.parent_workflow_id), NullIfEmpty(row.parent_run_id),
                    NullIfEmpty(row.root_workflow_id), NullIfEmpty(row.root_run_id),
                    NullIfEmpty(attributes), memo);
    };
    if (!commit.create) {
      const absl::Status status = put(kUpdateVisibility);
      // Otherwise the run has no list row yet, or there is no run.
      if (!absl::IsFailedPrecondition(status)) return status;
    }
    return put(kInsertVisibility);
  }

  absl::Status Erase(const ExecutionKey& key) {
    absl::Status status = CheckExists(key);
    for (Sql* sql : {&kRaiseLastNumber, &kEraseJournal, &kEraseSnapshot, &kEraseVisibility,
                     &kEraseExecution}) {
      if (status.ok()) status = Run(*sql, RowKey(key));
    }
    return status;
  }

  Connection& connection_;
  int64_t& statements_;
};

}  // namespace

absl::Status ApplyBatch(Connection& connection, const CommitBatch& batch, int64_t& statements) {
  absl::Status status = CheckBatch(batch);
  if (!status.ok()) return status;
  BatchWriter writer(connection, statements);
  status = writer.CheckIncarnation(batch.incarnation);
  for (const ExecutionCommit& commit : batch.executions) {
    if (!status.ok()) return status;
    status = writer.Write(commit);
  }
  return status;
}

}  // namespace perdure::store::sqlite
