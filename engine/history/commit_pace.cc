#include "history/commit_pace.h"

#include <algorithm>

namespace perdure::history {
namespace {

constexpr int kSeveral = 4;
// Runs that commit less often than that do not meet.
constexpr absl::Duration kTogether = absl::Milliseconds(20);
constexpr int64_t kPauseWeight = 16;

}  // namespace

void CommitPace::WentOn(absl::Duration after) {
  const absl::Duration counted = std::min(after, 2 * gather_max_);
  pause_ += (counted - pause_) / kPauseWeight;
}

void CommitPace::Left(base::ExecutionKey run, absl::Time now) {
  departures_[next_] = {.run = run, .time = now};
  next_ = (next_ + 1) % departures_.size();
  last_departure_ = now;
}

absl::Time CommitPace::NextAt(absl::Time now) const {
  // Clocks know no parts of a nanosecond, which an average has.
  const absl::Duration wait = absl::Trunc(std::min(pause_, gather_max_), absl::Microseconds(1));
  const absl::Time earliest = last_departure_ + wait;
  return earliest > now && AreSeveralRuns(now) ? earliest : now;
}

bool CommitPace::AreSeveralRuns(absl::Time now) const {
  std::array<base::ExecutionKey, std::tuple_size_v<decltype(departures_)>> runs;
  auto end = runs.begin();
  for (const Departure& departure : departures_) {
    if (departure.time < now - kTogether) continue;
    if (std::find(runs.begin(), end, departure.run) == end) *end++ = departure.run;
  }
  return end - runs.begin() >= kSeveral;
}

}  // namespace perdure::history
