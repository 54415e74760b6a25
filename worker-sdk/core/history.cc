#include "worker-sdk/core/history.h"

#include <algorithm>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"

namespace perdure::core {
namespace {

namespace enums = temporal::api::enums::v1;

// Taken events that are kept for reports, and how many may gather before they are freed together.
constexpr std::size_t kKeptForReports = 4;
constexpr std::size_t kTakenMax = 512;

// After a started task: it did not complete, so workflow code has not run there as far as history
// tells (R2).
bool VoidsTask(EventType type) {
  return type == enums::EVENT_TYPE_WORKFLOW_TASK_FAILED ||
         type == enums::EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT ||
         type == enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT ||
         type == enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED ||
         type == enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED;
}

}  // namespace

absl::Status EventQueue::Add(temporal::api::history::v1::History page) {
  DropTaken();
  auto* from = page.mutable_events();
  const int size = from->size();
  std::vector<Event*> released(size);
  from->ExtractSubrange(0, size, released.data());
  events_.reserve(events_.size() + size);
  absl::Status status;
  for (Event* raw : released) {
    std::unique_ptr<Event> event(raw);
    if (event->event_id() <= last_event_id_ || !status.ok()) continue;
    if (event->event_id() != last_event_id_ + 1) {
      status = absl::InternalError(absl::StrCat(
          "history is out of order: event ", event->event_id(), " follows event ", last_event_id_));
      continue;
    }
    last_event_id_ = event->event_id();
    events_.push_back(std::move(event));
  }
  return status;
}

void EventQueue::StartAfter(std::int64_t event_id) {
  Clear();
  last_event_id_ = event_id;
}

void EventQueue::Clear() {
  events_.clear();
  head_ = 0;
  next_end_.reset();
}

void EventQueue::Shrink() {
  if (!is_empty()) return;
  Clear();
  events_.shrink_to_fit();
}

void EventQueue::DropTaken() {
  if (head_ < kTakenMax) return;
  const std::size_t drop = head_ - kKeptForReports;
  events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(drop));
  head_ -= drop;
  if (next_end_) *next_end_ -= drop;
}

// The index of the last event of the task's sequence that starts at `start`.
std::optional<std::size_t> EventQueue::FindEnd(std::size_t start) const {
  const std::size_t size = events_.size();
  if (start >= size) return std::nullopt;
  bool saw_command = false;
  absl::InlinedVector<std::size_t, 8> started;  // Not voided.
  for (std::size_t i = start; i < size; ++i) {
    const EventType type = events_[i]->event_type();
    if (type != enums::EVENT_TYPE_WORKFLOW_TASK_STARTED) {
      if (EndsRun(type)) return i;
      saw_command = saw_command || IsCommandEvent(type);
      continue;
    }
    if (i + 1 == size) {
      if (!complete_) return std::nullopt;
      return i;
    }
    const EventType next = events_[i + 1]->event_type();
    if (VoidsTask(next)) continue;
    if (next != enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED) return i;
    started.push_back(i);
    if (i + 2 == size) {
      if (!complete_) return std::nullopt;
      return i;
    }
    const Event& after = *events_[i + 2];
    // R3: nothing came of this task but another one.
    if (!saw_command && after.event_type() == enums::EVENT_TYPE_WORKFLOW_TASK_SCHEDULED) continue;
    if (after.event_type() != enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED) return i;
    // R4: the update reached workflow code in the task that its message was sequenced into.
    const std::int64_t sequenced = after.workflow_execution_update_accepted_event_attributes()
                                       .accepted_request_sequencing_event_id();
    for (auto at = started.rbegin(); at != started.rend(); ++at) {
      if (events_[*at]->event_id() < sequenced) return *at;
    }
    return i;
  }
  if (!complete_) return std::nullopt;
  return size - 1;
}

std::optional<EventQueue::Sequence> EventQueue::Next() {
  DropTaken();
  if (is_empty()) return std::nullopt;
  const auto end = next_end_ ? next_end_ : FindEnd(head_);
  if (!end) return std::nullopt;
  const auto ahead_end = FindEnd(*end + 1);
  if (!ahead_end && !complete_) {
    next_end_ = end;
    return std::nullopt;
  }
  Sequence sequence;
  sequence.events = Events(&events_[head_], *end + 1 - head_);
  if (ahead_end) sequence.ahead = Events(&events_[*end + 1], *ahead_end - *end);
  sequence.ends_in_task = events_[*end]->event_type() == enums::EVENT_TYPE_WORKFLOW_TASK_STARTED;
  sequence.is_last = complete_ && *end + 1 == events_.size();
  head_ = *end + 1;
  next_end_ = ahead_end;
  return sequence;
}

std::vector<const Event*> EventQueue::Around(std::int64_t event_id, int before, int after) const {
  std::vector<const Event*> found;
  for (const auto& event : events_) {
    if (event->event_id() >= event_id - before && event->event_id() <= event_id + after) {
      found.push_back(event.get());
    }
  }
  return found;
}

std::int64_t EventQueue::memory_bytes() const {
  std::int64_t bytes = static_cast<std::int64_t>(events_.capacity() * sizeof(events_[0]));
  for (std::size_t i = head_; i < events_.size(); ++i) {
    bytes += static_cast<std::int64_t>(events_[i]->SpaceUsedLong());
  }
  return bytes;
}

}  // namespace perdure::core
