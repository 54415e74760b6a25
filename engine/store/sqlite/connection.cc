#include "store/sqlite/connection.h"

#include <sqlite3.h>

#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "query/tokens.h"
#include "store/checks.h"

namespace perdure::store::sqlite {
namespace {

constexpr int kCopyTriesMax = 100;
constexpr int kBusyTimeoutMs = 10'000;

absl::Status ToStatus(sqlite3* database, int code) {
  const std::string text = absl::StrCat("sqlite: ", sqlite3_errmsg(database));
  switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
      return absl::AlreadyExistsError(text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_INTERRUPT:
      return absl::UnavailableError(text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(text);
    default:
      return absl::InternalError(absl::StrCat(text, " (", code, ")"));
  }
}

absl::string_view ValueText(sqlite3_value* value) {
  // Of text and blobs alike, without a conversion.
  const auto* bytes = static_cast<const char*>(sqlite3_value_blob(value));
  return absl::string_view(bytes, static_cast<size_t>(sqlite3_value_bytes(value)));
}

// has_any_token(text, 'space separated tokens'): the meaning of `=` for Text attributes.
void HasAnyToken(sqlite3_context* context, int, sqlite3_value** arguments) {
  if (sqlite3_value_type(arguments[0]) == SQLITE_NULL) return sqlite3_result_null(context);
  const auto wanted = query::Tokenize(ValueText(arguments[1]));
  const bool found = query::HasAnyToken(ValueText(arguments[0]), wanted);
  sqlite3_result_int(context, found ? 1 : 0);
}

// run_id_text(bytes): a run id as filters and clients write it.
void RunIdText(sqlite3_context* context, int, sqlite3_value** arguments) {
  const std::string text = RunIdFromBytes(ValueText(arguments[0])).value();
  sqlite3_result_text(context, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& path,
                                                             Access access) {
  sqlite3* database = nullptr;
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (access == Access::kReadOnly ? SQLITE_OPEN_READONLY
                                                 : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  const char* name = path.empty() ? ":memory:" : path.c_str();
  const int code = sqlite3_open_v2(name, &database, flags, nullptr);
  // SQLite hands out a connection even on failure, for its message.
  std::unique_ptr<Connection> connection(new Connection(database));
  if (code != SQLITE_OK) {
    return absl::UnavailableError(absl::StrCat("cannot open ", path, ": ", sqlite3_errstr(code)));
  }
  sqlite3_busy_timeout(database, kBusyTimeoutMs);
  sqlite3_create_function(database, "has_any_token", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC, nullptr,
                          HasAnyToken, nullptr, nullptr);
  sqlite3_create_function(database, "run_id_text", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, nullptr,
                          RunIdText, nullptr, nullptr);
  // Cache sizes in KiB. Temporary B-trees (sorts) never need a file.
  const absl::Status status = connection->Execute(
      "PRAGMA temp_store = memory; PRAGMA cache_size = -32768; PRAGMA foreign_keys = off;");
  if (!status.ok()) return status;
  return connection;
}

Connection::~Connection() {
  for (auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(database_);
}

absl::Status Connection::Execute(const std::string& script) {
  const int code = sqlite3_exec(database_, script.c_str(), nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return absl::OkStatus();
  return ToStatus(database_, code);
}

int64_t Connection::last_insert_id() const { return sqlite3_last_insert_rowid(database_); }
int64_t Connection::rows_changed() const { return sqlite3_total_changes64(database_); }

absl::StatusOr<Connection::Log> Connection::CopyLog() {
  int pages = 0;
  int copied = 0;
  int code = SQLITE_BUSY;
  // A commit that is just ending shows a torn header for a moment.
  for (int i = 0; code == SQLITE_BUSY && i < kCopyTriesMax; ++i) {
    if (i > 0) std::this_thread::yield();
    code =
        sqlite3_wal_checkpoint_v2(database_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
  }
  if (code != SQLITE_OK) return ToStatus(database_, code);
  return Log{.pages = pages, .copied = copied};
}

absl::Status Connection::SyncDatabase() {
  sqlite3_file* file = nullptr;
  int code = sqlite3_file_control(database_, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  if (code == SQLITE_OK) code = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
  return code == SQLITE_OK ? absl::OkStatus() : ToStatus(database_, code);
}

void Connection::WhenLogGrows(absl::AnyInvocable<void(int64_t pages)> callback) {
  when_log_grows_ = std::move(callback);
  sqlite3_wal_hook(
      database_,
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Connection*>(self)->when_log_grows_(pages);
        return SQLITE_OK;
      },
      this);
}

absl::StatusOr<sqlite3_stmt*> Connection::Prepared(absl::string_view sql, bool keep) {
  if (keep) {
    const auto found = statements_.find(sql);
    if (found != statements_.end()) return found->second;
  }
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database_, sql.data(), static_cast<int>(sql.size()),
                                      keep ? SQLITE_PREPARE_PERSISTENT : 0, &statement, nullptr);
  if (code != SQLITE_OK) return ToStatus(database_, code);
  if (keep) statements_.emplace(std::string(sql), statement);
  return statement;
}

Query::Query(Connection& connection, absl::string_view sql, Lifetime lifetime)
    : connection_(connection), lifetime_(lifetime) {
  auto statement = connection.Prepared(sql, lifetime == Lifetime::kPrepared);
  if (statement.ok()) {
    statement_ = *statement;
  } else {
    status_ = statement.status();
  }
}

Query::~Query() {
  if (statement_ == nullptr) return;
  if (lifetime_ == Lifetime::kOnce) {
    sqlite3_finalize(statement_);
    return;
  }
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void Query::BindOne(int64_t value) {
  if (status_.ok()) Note(sqlite3_bind_int64(statement_, ++bound_, value));
}

void Query::BindOne(double value) {
  if (status_.ok()) Note(sqlite3_bind_double(statement_, ++bound_, value));
}

void Query::BindOne(absl::string_view text) {
  if (!status_.ok()) return;
  const char* data = text.data() == nullptr ? "" : text.data();
  Note(sqlite3_bind_text64(statement_, ++bound_, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void Query::BindOne(const Blob& blob) {
  if (!status_.ok()) return;
  // A null pointer would bind NULL.
  const char* data = blob.bytes.data() == nullptr ? "" : blob.bytes.data();
  Note(sqlite3_bind_blob64(statement_, ++bound_, data, blob.bytes.size(), SQLITE_STATIC));
}

void Query::BindOne(std::nullopt_t) {
  if (status_.ok()) Note(sqlite3_bind_null(statement_, ++bound_));
}

bool Query::Next() {
  if (!status_.ok()) return false;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) Note(code);
  return false;
}

absl::Status Query::Run() {
  while (Next()) {
  }
  return status_;
}

bool Query::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}
int64_t Query::Int64(int column) const { return sqlite3_column_int64(statement_, column); }
double Query::Double(int column) const { return sqlite3_column_double(statement_, column); }

std::string Query::Text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  if (bytes == nullptr) return "";
  return std::string(bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
}

void Query::Note(int code) {
  if (code != SQLITE_OK && status_.ok()) status_ = ToStatus(connection_.database_, code);
}

}  // namespace perdure::store::sqlite
