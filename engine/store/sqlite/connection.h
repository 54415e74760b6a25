// One SQLite connection and its prepared statements.
//
// Owned by one Worker and used on its thread only. A `Query` borrows the connection for one run of
// one statement and keeps the first error, so that callers check once, at the end.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct sqlite3;
struct sqlite3_stmt;

namespace perdure::store::sqlite {

// Marks bytes, to be bound as a BLOB; borrowed until the statement has run.
struct Blob {
  absl::string_view bytes;
};

class Connection {
 public:
  enum class Access { kReadWrite, kReadOnly };
  // `path` empty: a private database in memory.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& path, Access access);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs a script of statements without parameters.
  absl::Status Execute(const std::string& script);
  int64_t last_insert_id() const;
  // Rows changed since the connection was opened.
  int64_t rows_changed() const;

  // The write-ahead log: pages in it, and how many of those the database has.
  struct Log {
    int64_t pages = 0;
    int64_t copied = 0;
  };
  // Copies from the log into the database what no reader still needs there, waiting for nobody. The
  // log begins anew with the first commit that finds all of it copied; only a copy of all of it is
  // on disk for certain.
  absl::StatusOr<Log> CopyLog();
  // Has the database's own file, not the log, on disk when it returns.
  absl::Status SyncDatabase();
  // Called with the log's pages after each commit of this connection, on its thread. Once.
  void WhenLogGrows(absl::AnyInvocable<void(int64_t pages)> callback);

 private:
  friend class Query;
  explicit Connection(sqlite3* database) : database_(database) {}
  // Prepared on first use under the statement's text; null on error.
  absl::StatusOr<sqlite3_stmt*> Prepared(absl::string_view sql, bool keep);

  sqlite3* database_;
  absl::flat_hash_map<std::string, sqlite3_stmt*> statements_;
  absl::AnyInvocable<void(int64_t pages)> when_log_grows_;
};

// `Query q(connection, kSelectThing); q.Bind(id, name); while (q.Next()) use(q.Int64(0));
// q.status()`
class Query {
 public:
  enum class Lifetime { kPrepared, kOnce };
  Query(Connection& connection, absl::string_view sql, Lifetime lifetime = Lifetime::kPrepared);
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  // Binds the next parameters, in order.
  template <class... Values>
  Query& Bind(const Values&... values) {
    (BindOne(values), ...);
    return *this;
  }
  void BindOne(int64_t value);
  void BindOne(int32_t value) { BindOne(static_cast<int64_t>(value)); }
  void BindOne(bool value) { BindOne(static_cast<int64_t>(value ? 1 : 0)); }
  void BindOne(double value);
  void BindOne(absl::string_view text);
  void BindOne(const std::string& text) { BindOne(absl::string_view(text)); }
  void BindOne(const Blob& blob);
  void BindOne(std::nullopt_t);
  template <class T>
  void BindOne(const std::optional<T>& value) {
    if (value.has_value()) {
      BindOne(*value);
    } else {
      BindOne(std::nullopt);
    }
  }

  // False at the end and on error.
  bool Next();
  // For a statement whose rows nobody reads.
  absl::Status Run();
  const absl::Status& status() const { return status_; }

  bool IsNull(int column) const;
  int64_t Int64(int column) const;
  double Double(int column) const;
  std::string Text(int column) const;  // and blobs

 private:
  void Note(int code);

  Connection& connection_;
  sqlite3_stmt* statement_ = nullptr;
  Lifetime lifetime_;
  int bound_ = 0;
  absl::Status status_;
};

}  // namespace perdure::store::sqlite
