#include "history/events.h"

#include <algorithm>
#include <utility>

#include "base/errors.h"

namespace perdure::history {
namespace {

EventId FirstInMemory(const Execution& execution) {
  if (execution.recent_events.empty()) return execution.state.info.next_event_id();
  return execution.recent_events.front()->event_id();
}

// True when the page is full.
bool Take(EventPage& page, const EventRange& range, int64_t& bytes,
          std::shared_ptr<const HistoryEvent> event) {
  const auto size = static_cast<int64_t>(event->ByteSizeLong());
  const bool is_full = static_cast<int64_t>(page.events.size()) >= range.events_max ||
                       (!page.events.empty() && bytes + size > range.bytes_max);
  if (is_full) return true;
  bytes += size;
  page.next = event->event_id() + 1;
  page.events.push_back(std::move(event));
  return false;
}

void TakeFromMemory(const Execution& execution, EventPage& page, const EventRange& range,
                    int64_t& bytes) {
  if (execution.recent_events.empty()) return;
  const EventId first = execution.recent_events.front()->event_id();
  for (EventId id = std::max(page.next, first); id < range.end; ++id) {
    const auto index = static_cast<size_t>(id - first);
    if (index >= execution.recent_events.size()) return;
    if (Take(page, range, bytes, execution.recent_events[index])) return;
  }
}

}  // namespace

void ReadEvents(Core& core, const ExecutionPtr& execution, EventRange range, PageResult result) {
  EventPage page;
  page.next = range.from;
  int64_t bytes = 0;
  if (range.from >= range.end) return std::move(result)(std::move(page));
  if (range.from >= FirstInMemory(*execution)) {
    TakeFromMemory(*execution, page, range, bytes);
    return std::move(result)(std::move(page));
  }
  store::JournalRange journal;
  journal.key = execution->key;
  journal.from_sequence = execution->state.SequenceOf(range.from);
  journal.to_sequence = execution->state.SequenceOf(range.end - 1);
  journal.bytes_max = range.bytes_max;
  core.store().ReadJournal(
      journal,
      [&core, execution, range, result = std::move(result)](
          absl::StatusOr<std::vector<store::JournalEntry>> entries) mutable {
        core.loop().Post([execution, range, entries = std::move(entries),
                          result = std::move(result)]() mutable {
          if (!entries.ok()) return std::move(result)(entries.status());
          EventPage page;
          page.next = range.from;
          int64_t bytes = 0;
          bool is_full = false;
          for (const store::JournalEntry& entry : *entries) {
            pb::JournalRecord record;
            if (!record.ParseFromString(entry.record)) {
              return std::move(result)(base::Internal("the stored history is unreadable"));
            }
            for (pb::Change& change : *record.mutable_changes()) {
              if (is_full || !change.has_event()) continue;
              const EventId id = change.event().event_id();
              if (id != page.next || id >= range.end) continue;
              is_full = Take(page, range, bytes,
                             std::make_shared<const HistoryEvent>(std::move(*change.mutable_event())));
            }
          }
          // The journal's end may not be written yet: the rest is in memory.
          if (!is_full && page.next >= FirstInMemory(*execution)) {
            TakeFromMemory(*execution, page, range, bytes);
          }
          if (page.events.empty()) {
            return std::move(result)(base::Unavailable("the history changed while it was read"));
          }
          std::move(result)(std::move(page));
        });
      });
}

void ReadAllEvents(Core& core, const ExecutionPtr& execution, EventId from, EventId end,
                   EventsResult result) {
  struct Reading {
    std::vector<HistoryEvent> events;
    EventsResult result;
  };
  auto reading = std::make_shared<Reading>();  // shared by the pages' callbacks, one after the other
  reading->result = std::move(result);
  // Each page's callback asks for the next.
  struct Next {
    static void Page(Core& core, const ExecutionPtr& execution, EventId from, EventId end,
                     const std::shared_ptr<Reading>& reading) {
      if (from >= end) return std::move(reading->result)(std::move(reading->events));
      EventRange range{from, end, 4096, 8 << 20};
      ReadEvents(core, execution, range,
                 [&core, execution, end, reading](absl::StatusOr<EventPage> page) {
                   if (!page.ok()) return std::move(reading->result)(page.status());
                   for (const auto& event : page->events) reading->events.push_back(*event);
                   Page(core, execution, page->next, end, reading);
                 });
    }
  };
  Next::Page(core, execution, from, end, reading);
}

}  // namespace perdure::history
