// Decides from the requests to one workflow and their answers whether there is an order of them
// that one correct server could have given: linearizability, by the search of Wing and Gong with
// the memo of Lowe.
//
// The model: a workflow is absent, running or closed, and has a log of entries that only grows. A
// write appends its entry, once however often it is tried; a read answers with the whole log, or
// with whether it runs. It may close at any time by itself. A request that nobody answered happened
// at some time after it was sent, or never. All reads show the whole log, so the longest one gives
// the order of the entries: that leaves little to search. Pure; tests/checker has the same for real
// servers.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace perdure::sim {

using Entries = std::vector<std::string>;

struct SentRequest {
  enum class Kind { kStart, kWrite, kRead, kClose };
  enum class Outcome { kDone, kRefused, kUnknown };

  Kind kind = Kind::kRead;
  Outcome outcome = Outcome::kDone;
  int64_t begin = 0;
  int64_t end = std::numeric_limits<int64_t>::max();  // unknown: never
  std::string entry;                                  // of a write
  std::optional<Entries> seen;
  std::optional<bool> is_running;
};

// Why no order explains them; empty if one does. `is_foreign` tells the entries that others wrote,
// at any time.
std::string CheckLinearizable(std::vector<SentRequest> requests,
                              bool (*is_foreign)(const std::string& entry));

}  // namespace perdure::sim
