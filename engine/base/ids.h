// The engine's ids. See the glossary in ARCHITECTURE.md.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/strong.h"

namespace perdure::base {

// A namespace's number in the store: small, dense, never reused. The wire knows its UUID and its
// name.
using NamespaceNumber = Strong<struct NamespaceNumberTag, int32_t>;
// Chosen by the user, up to 1000 bytes.
using WorkflowId = Strong<struct WorkflowIdTag, std::string>;
// A UUID in its 36-character form, lower case.
using RunId = Strong<struct RunIdTag, std::string>;
using ShardId = Strong<struct ShardIdTag, int32_t>;
// A run's number: rising within its shard, with gaps, never reused. (shard, number) keys every row
// of a run.
using ExecutionNumber = Strong<struct ExecutionNumberTag, int64_t>;
// One life of a server process; the row of that number in the store fences all it may commit.
using IncarnationId = Strong<struct IncarnationIdTag, int64_t>;

// An event's id within its run, contiguous from 1. Plain because event ids are computed with.
using EventId = int64_t;
// 1 for the first attempt. Plain for the same reason.
using Attempt = int32_t;

// A constant of the stored format, not a setting: an idle shard costs nothing.
inline constexpr int32_t kShardCount = 1024;

// Stable across releases and platforms (FNV-1a 64 and a finalizer): it decides where rows live.
ShardId ShardOf(NamespaceNumber namespace_number, absl::string_view workflow_id);

struct ExecutionKey {
  ShardId shard;
  ExecutionNumber number;

  friend auto operator<=>(const ExecutionKey&, const ExecutionKey&) = default;
  friend bool operator==(const ExecutionKey&, const ExecutionKey&) = default;
  template <class H>
  friend H AbslHashValue(H h, const ExecutionKey& k) {
    return H::combine(std::move(h), k.shard, k.number);
  }
};

// A random (version 4) UUID from 128 random bits.
std::string FormatUuid(uint64_t high, uint64_t low);
// The same with version 7: the upper 48 bits of `high` are a time.
std::string FormatTimeUuid(uint64_t high, uint64_t low);
// True for the canonical 36-character form, either case.
bool IsUuid(absl::string_view text);

}  // namespace perdure::base
