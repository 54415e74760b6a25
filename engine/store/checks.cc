#include "store/checks.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace perdure::store {
namespace {

constexpr size_t kRunIdBytes = 16;
constexpr size_t kAttributeNameMax = 200;
constexpr char kPageTokenVersion = 1;

std::string Describe(const ExecutionKey& key) {
  return absl::StrCat("run ", key.number.value(), " of shard ", key.shard.value());
}

absl::Status CheckCreate(const ExecutionKey& key, const ExecutionCommit::Create& create) {
  if (base::ShardOf(create.namespace_number, create.workflow_id.value()) != key.shard) {
    return base::InvalidArgument(absl::StrCat(Describe(key), " belongs to another shard"));
  }
  if (!base::IsUuid(create.run_id.value())) {
    return base::InvalidArgument(absl::StrCat(Describe(key), ": its run id is not a UUID"));
  }
  return absl::OkStatus();
}

absl::Status CheckExecution(const ExecutionCommit& commit) {
  const bool changes_currency = commit.stop_being_current || commit.become_current;
  const bool has_record = !commit.journal_record.empty();
  if (commit.erase) {
    const bool writes = commit.create || changes_currency || has_record || commit.snapshot ||
                        commit.wake_at || commit.is_closed || commit.visibility;
    if (writes) {
      return base::InvalidArgument(
          absl::StrCat(Describe(commit.key), " is erased and written by one commit"));
    }
    return absl::OkStatus();
  }
  if (commit.stop_being_current && commit.become_current) {
    return base::InvalidArgument(
        absl::StrCat(Describe(commit.key), " starts and stops being current in one commit"));
  }
  if (commit.create && changes_currency) {
    return base::InvalidArgument(
        absl::StrCat(Describe(commit.key), " is created and changes its currency in one commit"));
  }
  if (has_record && commit.journal_sequence < 1) {
    return base::InvalidArgument(
        absl::StrCat(Describe(commit.key), " has a journal record without a sequence"));
  }
  if (commit.visibility &&
      IsOpenStatus(commit.visibility->status) == commit.visibility->close_time.has_value()) {
    return base::InvalidArgument(
        absl::StrCat(Describe(commit.key), " has a status that contradicts its close time"));
  }
  if (commit.create && has_record && commit.journal_sequence != 1) {
    return JournalGapError(commit.key, commit.journal_sequence);
  }
  if (commit.create) return CheckCreate(commit.key, *commit.create);
  return absl::OkStatus();
}

void AppendInt64(std::string& out, int64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(static_cast<uint64_t>(value) >> shift));
  }
}

int64_t ReadInt64(absl::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i) value = (value << 8) | static_cast<uint8_t>(bytes[i]);
  return static_cast<int64_t>(value);
}

}  // namespace

absl::Status CheckBatch(const CommitBatch& batch) {
  for (const ExecutionCommit& commit : batch.executions) {
    absl::Status status = CheckExecution(commit);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CheckAttributeName(absl::string_view name) {
  if (name.empty() || name.size() > kAttributeNameMax) {
    return base::InvalidArgument(
        absl::StrCat("a search attribute's name has 1 to ", kAttributeNameMax, " bytes"));
  }
  for (const char c : name) {
    const bool is_control = static_cast<uint8_t>(c) < 0x20 || c == 0x7f;
    if (is_control || c == '\'' || c == '"' || c == '`' || c == '\\') {
      return base::InvalidArgument(
          "a search attribute's name may not hold quotes, backslashes or control characters");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> RunIdToBytes(const RunId& run_id) {
  if (!base::IsUuid(run_id.value())) return base::InvalidArgument("run id is not a UUID");
  std::string digits;
  digits.reserve(2 * kRunIdBytes);
  for (const char c : run_id.value()) {
    if (c != '-') digits.push_back(c);
  }
  return absl::HexStringToBytes(digits);
}

RunId RunIdFromBytes(absl::string_view bytes) {
  if (bytes.size() != kRunIdBytes) return RunId();
  std::string text = absl::BytesToHexString(bytes);
  for (const size_t place : {8, 13, 18, 23}) text.insert(place, 1, '-');
  return RunId(std::move(text));
}

absl::Status FencedError(IncarnationId incarnation) {
  return absl::AbortedError(
      absl::StrCat("incarnation ", incarnation.value(), " is fenced: another server took over"));
}

absl::Status CannotTakeError(IncarnationId incarnation) {
  return base::FailedPrecondition(absl::StrCat(
      "incarnation ", incarnation.value(), " is unknown, fenced or leaving: it takes no shards"));
}

absl::Status RunMissingError(const ExecutionKey& key) {
  return base::FailedPrecondition(absl::StrCat(Describe(key), " does not exist"));
}

absl::Status JournalGapError(const ExecutionKey& key, int64_t sequence) {
  return base::FailedPrecondition(
      absl::StrCat(Describe(key), ": journal sequence ", sequence, " is not the next one"));
}

absl::Status CurrentTakenError(const ExecutionKey& key) {
  return absl::AlreadyExistsError(
      absl::StrCat(Describe(key), ": the number or the place of current run is taken"));
}

absl::Status FollowsFailureError() {
  return base::Unavailable("not committed: a batch given earlier failed");
}

absl::Status ClosedError() { return absl::CancelledError("the store is closing"); }

std::string EncodePageToken(const PagePosition& position) {
  std::string token(1, kPageTokenVersion);
  AppendInt64(token, position.close_time_us);
  AppendInt64(token, position.start_time_us);
  token.append(position.run_id);
  return token;
}

absl::StatusOr<PagePosition> DecodePageToken(absl::string_view token) {
  if (token.size() != 1 + 8 + 8 + kRunIdBytes || token[0] != kPageTokenVersion) {
    return base::InvalidArgument("invalid next_page_token");
  }
  return PagePosition{ReadInt64(token.substr(1)), ReadInt64(token.substr(9)),
                      std::string(token.substr(17))};
}

}  // namespace perdure::store
