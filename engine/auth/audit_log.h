// Who changed what: a line of JSON for each call that changes something, whether it was let through
// or not.
//
//   {"time":"2026-01-02T03:04:05.678Z","principal":"ci","peer":"ipv4:10.0.0.7:51234",
//    "rpc":"StartWorkflowExecution","namespace":"orders","workflow_id":"o-1","run_id":"…",
//    "code":"OK"}
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"

namespace perdure::auth {

struct AuditRecord {
  std::string principal;  // empty on a server without credentials
  std::string peer;
  std::string rpc;
  std::string name_space;
  std::string workflow_id;
  std::string run_id;
};

// The workflow and the run that a request names, where it names one; and the run that a start
// answers with. Other fields, payloads among them, are not looked at.
void ReadIds(const google::protobuf::Message& message, AuditRecord& record);

// Thread-safe. A line is in the file, or with the operating system, before the call is answered.
class AuditLog {
 public:
  // "-": standard output. INVALID_ARGUMENT if the file can't be appended to.
  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(const std::string& path);
  // Use Open. Takes the file.
  AuditLog(std::FILE* file, std::string path) : path_(std::move(path)), file_(file) {}
  ~AuditLog();

  // A file that was moved away (logrotate) is opened anew.
  void Write(const AuditRecord& record, absl::StatusCode code, absl::Time now);

 private:
  void OpenAnewIfMoved(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  absl::Mutex mutex_;
  std::FILE* file_ ABSL_GUARDED_BY(mutex_);
  absl::Time looked_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  bool has_failed_ ABSL_GUARDED_BY(mutex_) = false;  // told in the log once
};

}  // namespace perdure::auth
