#include "auth/audit_log.h"

#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/log.h"
#include "nlohmann/json.hpp"

namespace perdure::auth {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr absl::Duration kLookInterval = absl::Seconds(1);

// Empty if the message has no such single text.
std::string TextField(const Message& message, const char* name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  const bool is_text =
      field != nullptr && !field->is_repeated() && field->type() == FieldDescriptor::TYPE_STRING;
  return is_text ? message.GetReflection()->GetString(message, field) : std::string();
}

void Take(const std::string& value, std::string& into) {
  if (!value.empty()) into = value;
}

std::FILE* OpenFile(const std::string& path) { return std::fopen(path.c_str(), "ae"); }

}  // namespace

void ReadIds(const Message& message, AuditRecord& record) {
  Take(TextField(message, "workflow_id"), record.workflow_id);
  Take(TextField(message, "run_id"), record.run_id);
  for (const char* name : {"workflow_execution", "execution"}) {
    const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
    if (field == nullptr || field->is_repeated() || field->message_type() == nullptr) continue;
    const Message& execution = message.GetReflection()->GetMessage(message, field);
    Take(TextField(execution, "workflow_id"), record.workflow_id);
    Take(TextField(execution, "run_id"), record.run_id);
  }
}

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(const std::string& path) {
  std::FILE* file = path == "-" ? stdout : OpenFile(path);
  if (file == nullptr) {
    return base::InvalidArgument(absl::StrCat("audit_log: can't append to ", path));
  }
  return std::make_unique<AuditLog>(file, path);
}

AuditLog::~AuditLog() {
  if (file_ != nullptr && file_ != stdout) std::fclose(file_);
}

void AuditLog::OpenAnewIfMoved(absl::Time now) {
  if (path_ == "-" || now - looked_at_ < kLookInterval) return;
  looked_at_ = now;
  struct stat open{};
  struct stat named{};
  const bool is_same = file_ != nullptr && fstat(fileno(file_), &open) == 0 &&
                       stat(path_.c_str(), &named) == 0 && open.st_ino == named.st_ino &&
                       open.st_dev == named.st_dev;
  if (is_same) return;
  std::FILE* anew = OpenFile(path_);
  if (anew == nullptr) return;
  if (file_ != nullptr) std::fclose(file_);
  file_ = anew;
}

void AuditLog::Write(const AuditRecord& record, absl::StatusCode code, absl::Time now) {
  // In the order in which they are read.
  nlohmann::ordered_json line;
  line["time"] = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", now, absl::UTCTimeZone());
  line["principal"] = record.principal;
  line["peer"] = record.peer;
  line["rpc"] = record.rpc;
  line["namespace"] = record.name_space;
  line["workflow_id"] = record.workflow_id;
  line["run_id"] = record.run_id;
  line["code"] = absl::StatusCodeToString(code);
  // What is no UTF-8 is replaced: a claim may hold anything.
  const std::string text =
      line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  absl::MutexLock lock(&mutex_);
  OpenAnewIfMoved(now);
  const bool is_written =
      std::fwrite(text.data(), 1, text.size(), file_) == text.size() && std::fflush(file_) == 0;
  if (!is_written && !has_failed_) base::LogError("can't write the audit log", {{"file", path_}});
  has_failed_ = !is_written;
}

}  // namespace perdure::auth
