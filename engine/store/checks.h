// What every store checks of a commit before it looks at what is stored, so that all three refuse
// the same batches. Pure functions; thread-safe.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "store/store.h"

namespace perdure::store {

// INVALID_ARGUMENT if the batch contradicts itself.
absl::Status CheckBatch(const CommitBatch& batch);

// INVALID_ARGUMENT unless the name can stand in an index definition: no quotes, backslashes or
// control characters, 1 to 200 bytes.
absl::Status CheckAttributeName(absl::string_view name);

// The 16 bytes of a canonical UUID; INVALID_ARGUMENT for anything else.
absl::StatusOr<std::string> RunIdToBytes(const RunId& run_id);
RunId RunIdFromBytes(absl::string_view bytes);

// Running or paused: the statuses of rows without a close time (numbers of
// temporal.api.enums.v1.WorkflowExecutionStatus). Lists count on it.
constexpr bool IsOpenStatus(int64_t status) { return status == 1 || status == 8; }

// The answers that all stores give in the same words.
absl::Status FencedError(IncarnationId incarnation);
absl::Status CannotTakeError(IncarnationId incarnation);
absl::Status RunMissingError(const ExecutionKey& key);
absl::Status JournalGapError(const ExecutionKey& key, int64_t sequence);
absl::Status CurrentTakenError(const ExecutionKey& key);
absl::Status FollowsFailureError();
absl::Status ClosedError();

// A page token holds the place of the last row shown; the same in all stores.
struct PagePosition {
  int64_t close_time_us = 0;  // kOpenCloseTime for open runs
  int64_t start_time_us = 0;
  std::string run_id;  // 16 bytes
};
// Sorts open runs before all closed ones.
inline constexpr int64_t kOpenCloseTime = INT64_MAX;
std::string EncodePageToken(const PagePosition& position);
absl::StatusOr<PagePosition> DecodePageToken(absl::string_view token);

}  // namespace perdure::store
