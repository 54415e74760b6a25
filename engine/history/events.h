// Reading a run's history: from memory where it is there, else from the journal. Loop-bound.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "history/core.h"
#include "history/execution.h"

namespace perdure::history {

struct EventRange {
  EventId from = 1;      // inclusive
  EventId end = 0;       // exclusive; at most the run's next_event_id
  int64_t events_max = 256;
  int64_t bytes_max = 2 << 20;  // at least one event is returned
};

struct EventPage {
  std::vector<std::shared_ptr<const HistoryEvent>> events;
  EventId next = 0;  // the first event not returned; equals `end` when all were
};

using PageResult = absl::AnyInvocable<void(absl::StatusOr<EventPage>) &&>;
// Calls back at once if the events are in memory.
void ReadEvents(Core& core, const ExecutionPtr& execution, EventRange range, PageResult result);

// All events in [from, end), however many.
using EventsResult = absl::AnyInvocable<void(absl::StatusOr<std::vector<HistoryEvent>>) &&>;
void ReadAllEvents(Core& core, const ExecutionPtr& execution, EventId from, EventId end,
                   EventsResult result);

}  // namespace perdure::history
