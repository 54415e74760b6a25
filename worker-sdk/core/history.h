// History events that came and are still to be applied, cut into the tasks that they led to (R1 to
// R7).
//
// Loop-bound. Grows with what was added and not yet taken; keeps a few taken events for error
// reports.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "worker-sdk/core/events.h"

namespace perdure::core {

class EventQueue {
 public:
  using Events = absl::Span<const std::unique_ptr<Event>>;

  // The events of one task, as workflow code met them at once, and those of the next, where
  // patches, local activities and updates of this one are looked up (R33).
  struct Sequence {
    Events events;
    Events ahead;
    // Workflow code ran at the end of it. Otherwise history breaks off, or the run was ended from
    // outside.
    bool ends_in_task = false;
    bool is_last = false;  // Nothing follows that is known today.
  };

  // Appends a page. Events up to the newest one that is here are dropped: pages and polls overlap
  // (R8). An event out of order (R6) is an error; the queue is then of no further use.
  absl::Status Add(temporal::api::history::v1::History page);
  // The next event must have this id; what is before is dropped.
  void StartAfter(std::int64_t event_id);
  // More pages are to come, or not: at the end of all pages a cut needs no look-ahead.
  void set_complete(bool complete) { complete_ = complete; }
  bool is_complete() const { return complete_; }

  // Nullopt: more pages are needed to tell (only while not complete), or there is nothing left.
  // What it refers to stays valid until the next call of Add or Next.
  std::optional<Sequence> Next();
  bool is_empty() const { return head_ == events_.size(); }
  std::int64_t last_event_id() const { return last_event_id_; }
  std::int64_t first_event_id() const { return is_empty() ? 0 : events_[head_]->event_id(); }

  // Up to `before` taken events before this one and `after` ones behind it, for reports.
  std::vector<const Event*> Around(std::int64_t event_id, int before, int after) const;
  void Clear();
  // Frees what is not needed between tasks.
  void Shrink();
  std::int64_t memory_bytes() const;

 private:
  std::optional<std::size_t> FindEnd(std::size_t start) const;
  void DropTaken();

  std::vector<std::unique_ptr<Event>> events_;
  std::size_t head_ = 0;
  std::optional<std::size_t>
      next_end_;  // Of the sequence that starts at head_, where it is known already.
  std::int64_t last_event_id_ = 0;
  bool complete_ = true;
};

}  // namespace perdure::core
