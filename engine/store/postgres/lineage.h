// Notices that the database is not the one that acknowledged what this process knows: a replica was
// promoted that lacks the last commits, a backup was restored, a server lost what it had said was
// durable.
//
// A server is told by its *lineage*: the system identifier and the timeline, which changes with
// each promotion and each restore to a point in time. An incarnation belongs to the lineage it was
// registered in and is over as soon as a connection shows another one: it is answered as if it were
// fenced, so that everything cached is forgotten and the node begins anew with what the database
// has. That is so whether or not anything was lost; `Acknowledged` knows if something was, and also
// finds it where the lineage stayed the same (synchronous_commit=off, a disk that forgot).
//
// Lineage is thread-safe; Acknowledged belongs to the thread that commits.
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "store/postgres/changes.h"
#include "store/postgres/connection.h"

namespace perdure::store::postgres {

class Lineage {
 public:
  // UNAVAILABLE for a server whose place another one has taken: it may still run and not know.
  absl::Status CheckServer(const std::string& lineage) const;
  void Registered(IncarnationId incarnation, const std::string& lineage);
  // ABORTED, as if it were fenced, if the incarnation is of another lineage, or over.
  absl::Status CheckIncarnation(IncarnationId incarnation, const std::string& lineage);
  // Acknowledged commits are not there. `is_same`: the lineage has not changed.
  void Lost(int64_t records, bool is_same);

  int64_t changes() const;
  int64_t lost_records() const;

 private:
  mutable absl::Mutex mutex_;
  IncarnationId incarnation_ ABSL_GUARDED_BY(mutex_);  // the one registered last
  std::string current_ ABSL_GUARDED_BY(mutex_);
  std::set<IncarnationId> over_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> past_ ABSL_GUARDED_BY(mutex_);
  int64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t lost_records_ ABSL_GUARDED_BY(mutex_) = 0;
};

// The newest records that the database said were durable; looked for whenever a connection is new.
class Acknowledged {
 public:
  void Add(const std::vector<RunChange>& changes, const std::string& lineage);
  // Asks once for all that was added. Not OK if the database could not say.
  absl::Status Verify(Connection& connection, Lineage& lineage);

 private:
  struct Record {
    ExecutionKey key;
    int64_t sequence = 0;
  };
  std::deque<Record> newest_;
  std::string lineage_;
};

}  // namespace perdure::store::postgres
