#include "store/postgres/connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "store/postgres/errors.h"

namespace perdure::store::postgres {
namespace {

constexpr int kBinary = 1;

uint64_t BigEndian(absl::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = (value << 8) | static_cast<uint8_t>(c);
  return value;
}

absl::Status LostError(pg_conn* connection) {
  return absl::UnavailableError(absl::StrCat("postgres: ", PQerrorMessage(connection)));
}

// Settings of a session. Hot statements must never scan: their rows are found by key however little
// the planner knows yet of a table that is still small; and they are planned once.
std::string SessionSettings(const PostgresOptions& options, Connection::Use use) {
  const bool is_list = use == Connection::Use::kLists;
  const absl::Duration timeout = is_list ? options.list_timeout : options.statement_timeout;
  std::string settings =
      absl::StrCat("SET client_min_messages = warning; SET jit = off; SET statement_timeout = ",
                   absl::ToInt64Milliseconds(timeout), ";");
  if (use == Connection::Use::kCommits || use == Connection::Use::kRuns) {
    settings.append(
        "SET enable_seqscan = off; SET enable_bitmapscan = off;"
        "SET enable_hashjoin = off; SET enable_mergejoin = off;"
        "SET plan_cache_mode = force_generic_plan;");
  }
  return settings;
}

}  // namespace

Rows::Rows(pg_result* result) : result_(result) {}
Rows::~Rows() { PQclear(result_); }
Rows::Rows(Rows&& other) noexcept : result_(std::exchange(other.result_, nullptr)) {}

int Rows::size() const { return PQntuples(result_); }
int64_t Rows::affected() const { return std::strtoll(PQcmdTuples(result_), nullptr, 10); }
bool Rows::IsNull(int row, int column) const { return PQgetisnull(result_, row, column) != 0; }

absl::string_view Rows::Cell(int row, int column) const {
  return absl::string_view(PQgetvalue(result_, row, column),
                           static_cast<size_t>(PQgetlength(result_, row, column)));
}

int64_t Rows::Int(int row, int column) const {
  const absl::string_view cell = Cell(row, column);
  const uint64_t value = BigEndian(cell);
  if (cell.size() == 2) return static_cast<int16_t>(value);
  if (cell.size() == 4) return static_cast<int32_t>(value);
  return static_cast<int64_t>(value);
}

double Rows::Double(int row, int column) const {
  const uint64_t bits = BigEndian(Cell(row, column));
  double value = 0;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

std::string Rows::Bytes(int row, int column) const { return std::string(Cell(row, column)); }

std::vector<std::string> Rows::ByteArray(int row, int column) const {
  std::vector<std::string> elements;
  absl::string_view cell = Cell(row, column);
  // Dimensions, null flag, element type; then length and lower bound of the one dimension.
  constexpr size_t kHeader = 20;
  if (cell.size() < kHeader) return elements;
  const uint64_t count = BigEndian(cell.substr(12, 4));
  cell.remove_prefix(kHeader);
  for (uint64_t i = 0; i < count && cell.size() >= 4; ++i) {
    const auto length = static_cast<size_t>(BigEndian(cell.substr(0, 4)));
    elements.emplace_back(cell.substr(4, length));
    cell.remove_prefix(4 + elements.back().size());
  }
  return elements;
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const PostgresOptions& options,
                                                             Use use) {
  const std::string connect = absl::StrCat(absl::ToInt64Seconds(options.connect_timeout));
  const int64_t silence = absl::ToInt64Seconds(options.silence_max);
  const std::string silence_ms = absl::StrCat(silence * 1000);
  const std::string idle = absl::StrCat(silence / 3 + 1);
  // Those after dbname win over the URL's: liveness is ours to decide.
  const char* keys[] = {"dbname",           "application_name", "connect_timeout",
                        "keepalives",       "keepalives_idle",  "keepalives_interval",
                        "keepalives_count", "tcp_user_timeout", nullptr};
  const char* values[] = {options.url.c_str(), "perdure", connect.c_str(),    "1",    idle.c_str(),
                          idle.c_str(),        "2",       silence_ms.c_str(), nullptr};
  std::unique_ptr<Connection> connection(new Connection(
      PQconnectdbParams(keys, values, /*expand_dbname=*/1), SessionSettings(options, use)));
  if (connection->is_lost()) return LostError(connection->connection_);
  absl::Status status = connection->RunScript(connection->settings_);
  if (status.ok()) status = connection->AskLineage();
  if (!status.ok()) return status;
  return connection;
}

absl::Status Connection::AskLineage() {
  const auto rows = Run(kLineage, {});
  if (!rows.ok()) {
    // Some who run databases for others forbid it: then nothing is known.
    return is_lost() ? rows.status() : absl::OkStatus();
  }
  if (rows->size() == 0) {
    return absl::UnavailableError("postgres: the server is a replica that waits to be promoted");
  }
  lineage_ = rows->Bytes(0, 0);
  return absl::OkStatus();
}

Connection::~Connection() { PQfinish(connection_); }

bool Connection::is_lost() const { return is_broken_ || PQstatus(connection_) != CONNECTION_OK; }

absl::Status Connection::Announce(IncarnationId incarnation) {
  if (announced_ == incarnation) return absl::OkStatus();
  const auto rows = Run(kAnnounce, Parameters().Int32(SessionKey(incarnation)));
  if (rows.ok()) announced_ = incarnation;
  return rows.status();
}

absl::StatusOr<Rows> Connection::Check(pg_result* result) {
  Rows rows(result);
  const ExecStatusType status = PQresultStatus(result);
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return rows;
  if (result == nullptr || is_lost()) return LostError(connection_);
  return StatusOfResult(result);
}

absl::StatusOr<Rows> Connection::Run(const Statement& statement, const Parameters& parameters) {
  if (!prepared_.contains(statement.name)) {
    auto prepared = Check(PQprepare(connection_, statement.name, statement.sql, 0, nullptr));
    if (!prepared.ok()) return prepared.status();
    prepared_.insert(statement.name);
  }
  return Check(PQexecPrepared(connection_, statement.name, parameters.count(),
                              parameters.pointers().data(), parameters.lengths().data(),
                              parameters.formats().data(), kBinary));
}

absl::StatusOr<Rows> Connection::RunOnce(const std::string& sql, const Parameters& parameters) {
  return Check(PQexecParams(connection_, sql.c_str(), parameters.count(), nullptr,
                            parameters.pointers().data(), parameters.lengths().data(),
                            parameters.formats().data(), kBinary));
}

absl::Status Connection::RunScript(const std::string& script) {
  return Check(PQexec(connection_, script.c_str())).status();
}

absl::Status Connection::RunUnlimited(const std::string& script) {
  absl::Status status = RunScript("SET statement_timeout = 0");
  if (status.ok()) status = RunScript(script);
  const absl::Status reset = RunScript(settings_);
  return status.ok() ? reset : status;
}

bool Connection::SendPrepared(const PipelinedStatement& statement) {
  const char* name = statement.statement->name;
  if (!prepared_.contains(name)) {
    if (PQsendPrepare(connection_, name, statement.statement->sql, 0, nullptr) != 1) return false;
    prepared_.insert(name);
    expected_writes_.push_back(false);
  }
  expected_writes_.push_back(statement.is_write);
  const Parameters& parameters = statement.parameters;
  return PQsendQueryPrepared(connection_, name, parameters.count(), parameters.pointers().data(),
                             parameters.lengths().data(), parameters.formats().data(),
                             kBinary) == 1;
}

PipelineOutcome Connection::RunPipeline(const std::vector<PipelinedStatement>& statements) {
  if (auto ended = SendPipeline(statements); ended.has_value()) return *std::move(ended);
  return ReceivePipeline();
}

std::optional<PipelineOutcome> Connection::SendPipeline(
    const std::vector<PipelinedStatement>& statements) {
  PipelineOutcome outcome;
  prepared_before_ = prepared_.size();
  expected_writes_.clear();
  if (is_lost() || PQenterPipelineMode(connection_) != 1) {
    outcome.status = LostError(connection_);
    return outcome;
  }
  // Bytes may leave from the first send on, but a transaction commits only with its Sync; without
  // one sent, nothing can have been done.
  PQsetnonblocking(connection_, 1);
  bool sent = true;
  for (const PipelinedStatement& statement : statements) sent = sent && SendPrepared(statement);
  if (sent && PQpipelineSync(connection_) == 1) return std::nullopt;
  is_broken_ = true;
  outcome.status = LostError(connection_);
  return outcome;
}

PipelineOutcome Connection::ReceivePipeline() {
  PipelineOutcome outcome = Finish();
  PQsetnonblocking(connection_, 0);
  if (outcome.kind == PipelineOutcome::Kind::kLost) return outcome;
  PQexitPipelineMode(connection_);
  // A failed pipeline may have failed before some of the statements it prepared: prepare afresh.
  if (outcome.kind == PipelineOutcome::Kind::kRolledBack && prepared_.size() != prepared_before_) {
    prepared_.clear();
    const absl::Status status = RunScript("DEALLOCATE ALL");
    (void)status;  // A lost connection shows at its next use.
  }
  return outcome;
}

bool Connection::Flush() { return PQflush(connection_) == 0; }

int Connection::socket() const { return PQsocket(connection_); }

void Connection::ReadUnasked() { (void)PQconsumeInput(connection_); }

PipelineOutcome Connection::Finish() {
  PipelineOutcome outcome;
  outcome.kind = PipelineOutcome::Kind::kCommitted;
  const auto lost = [&] {
    is_broken_ = true;
    outcome.kind = PipelineOutcome::Kind::kLost;
    outcome.status = LostError(connection_);
    return outcome;
  };
  size_t answered = 0;
  bool is_flushed = false;
  while (true) {
    // Sending and reading must alternate, or both sides may wait for room in their buffers.
    if (!is_flushed) {
      const int flush = PQflush(connection_);
      if (flush < 0) return lost();
      is_flushed = flush == 0;
    }
    if (!is_flushed || PQisBusy(connection_) == 1) {
      pollfd wait = {PQsocket(connection_),
                     static_cast<int16_t>(POLLIN | (is_flushed ? 0 : POLLOUT)), 0};
      // Liveness is TCP's task (keepalives, user timeout), slowness the server's
      // (statement_timeout).
      if (::poll(&wait, 1, -1) < 0 && errno != EINTR) return lost();
      if (PQconsumeInput(connection_) != 1) return lost();
      continue;
    }
    pg_result* result = PQgetResult(connection_);
    if (result == nullptr) {
      if (is_lost()) return lost();
      continue;  // The end of one statement's results.
    }
    Rows rows(result);
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_PIPELINE_SYNC) return outcome;
    const bool is_write = answered < expected_writes_.size() && expected_writes_[answered];
    ++answered;
    if (status == PGRES_PIPELINE_ABORTED) continue;
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
      if (is_write && status == PGRES_COMMAND_OK) outcome.rows_written += rows.affected();
      if (is_write && status == PGRES_TUPLES_OK) outcome.rows_written += rows.Int(0, 0);
      continue;
    }
    if (is_lost()) return lost();
    outcome.kind = PipelineOutcome::Kind::kRolledBack;
    outcome.status = StatusOfResult(result);
  }
}

}  // namespace perdure::store::postgres
