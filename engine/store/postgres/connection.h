// One libpq connection: prepared statements by name, single calls and pipelines, all binary.
//
// Used by one thread at a time. A call that finds the connection lost answers
// UNAVAILABLE (a pipeline tells more, see PipelineOutcome), after which `is_lost()` holds and the
// owner opens another.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "store/postgres/parameters.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/statements.h"

struct pg_conn;
struct pg_result;

namespace perdure::store::postgres {

// The rows of one statement.
class Rows {
 public:
  explicit Rows(pg_result* result);
  ~Rows();
  Rows(Rows&& other) noexcept;
  Rows& operator=(Rows&&) = delete;

  int size() const;
  // Rows inserted, updated or deleted.
  int64_t affected() const;
  bool IsNull(int row, int column) const;
  int64_t Int(int row, int column) const;  // any width
  bool Bool(int row, int column) const { return Int(row, column) != 0; }
  double Double(int row, int column) const;
  std::string Bytes(int row, int column) const;
  // The elements of a bytea[].
  std::vector<std::string> ByteArray(int row, int column) const;

 private:
  absl::string_view Cell(int row, int column) const;
  pg_result* result_;
};

struct PipelinedStatement {
  const Statement* statement = nullptr;
  Parameters parameters;
  // Whether the affected rows count as written by a commit.
  bool is_write = true;
};

struct PipelineOutcome {
  enum class Kind { kCommitted, kRolledBack, kNotSent, kLost };
  Kind kind = Kind::kNotSent;
  absl::Status status;  // why, unless committed
  int64_t rows_written = 0;
};

class Connection {
 public:
  enum class Use { kCommits, kRuns, kLists, kRegistry };
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const PostgresOptions& options, Use use);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool is_lost() const;
  // Which history of writes the server continues: see lineage.h. Empty if it may not be asked.
  const std::string& lineage() const { return lineage_; }

  // Lets other servers see that a session of this incarnation is open, for as long as it is. A
  // round trip the first time, then nothing.
  absl::Status Announce(IncarnationId incarnation);

  // Prepares the statement on its first use.
  absl::StatusOr<Rows> Run(const Statement& statement, const Parameters& parameters);
  // For SQL that the filter compiler has written; planned with the values at hand.
  absl::StatusOr<Rows> RunOnce(const std::string& sql, const Parameters& parameters);
  // Statements without parameters or rows; several are separated by semicolons.
  absl::Status RunScript(const std::string& script);
  // The same without a statement timeout: building an index takes as long as the table is large.
  absl::Status RunUnlimited(const std::string& script);

  // Sends all statements and one Sync, which makes them one transaction, then reads the answers.
  PipelineOutcome RunPipeline(const std::vector<PipelinedStatement>& statements);
  // The same in two steps, nothing else in between. The first blocks for nothing: what the socket
  // does not take at once waits for the second. If it tells an outcome, it was all.
  std::optional<PipelineOutcome> SendPipeline(const std::vector<PipelinedStatement>& statements);
  PipelineOutcome ReceivePipeline();
  // Whether all that was sent has left.
  bool Flush();

  // Readable when there is an answer, or when the connection is at its end.
  int socket() const;
  // Takes in what the server says unasked; is_lost() tells whether that was the end.
  void ReadUnasked();
  bool has_announced(IncarnationId incarnation) const { return announced_ == incarnation; }

 private:
  Connection(pg_conn* connection, std::string settings)
      : connection_(connection), settings_(std::move(settings)) {}
  absl::Status AskLineage();
  absl::StatusOr<Rows> Check(pg_result* result);
  bool SendPrepared(const PipelinedStatement& statement);
  // Flushes and reads until the Sync is answered.
  PipelineOutcome Finish();

  pg_conn* connection_;
  const std::string settings_;
  std::string lineage_;
  bool is_broken_ = false;  // a pipeline ended in a state that nothing can follow
  IncarnationId announced_;
  absl::flat_hash_set<std::string> prepared_;
  size_t prepared_before_ = 0;         // the pipeline under way
  std::vector<bool> expected_writes_;  // of the answers to come: does the next one count?
};

}  // namespace perdure::store::postgres
