#include "machines/workflow/decide/overgrown.h"

#include "base/errors.h"
#include "machines/workflow/close.h"
#include "machines/workflow/draft.h"

namespace perdure::machines {
namespace {

// More than any one request can bring: below the limit by this much, nothing need be measured.
constexpr int64_t kRecordMax = 16 << 20;

bool Ends(const HistoryEvent& event) {
  switch (event.event_type()) {
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
      return true;
    default:
      return false;
  }
}

const char* ReasonToEnd(const State& state, const Decision& decision, int64_t state_bytes,
                        const base::Limits& limits) {
  EventId events = state.info.next_event_id() - 1;
  int64_t size = state.info.history_size_bytes();
  const bool measures = size + kRecordMax > limits.history_size_bytes;
  for (const pb::Change& change : decision.record.changes()) {
    if (!change.has_event()) continue;
    if (Ends(change.event())) return nullptr;
    ++events;
    if (measures) size += static_cast<int64_t>(change.event().ByteSizeLong());
  }
  if (size > limits.history_size_bytes) return "Workflow history size exceeds limit.";
  if (events > limits.history_count) return "Workflow history count exceeds limit.";
  if (state_bytes > limits.state_size_bytes) return "Workflow mutable state size exceeds limit.";
  return nullptr;
}

}  // namespace

int64_t StateBytesAfter(const State& state, const Decision& decision) {
  State after = State::Over(state);
  for (const pb::Change& change : decision.record.changes()) after.Apply(change);
  return after.SizeBytes();
}

std::optional<Overgrown> DecideOvergrown(const State& state, const Decision& decision,
                                         int64_t state_bytes, const Context& context) {
  // A run that is only coming into being has nothing to end.
  if (state.started_event == nullptr || !state.IsRunning()) return std::nullopt;
  const char* reason = ReasonToEnd(state, decision, state_bytes, *context.limits);
  if (reason == nullptr) return std::nullopt;
  Draft draft(state, context);
  Terminate(draft, reason, nullptr, "history-service", nullptr);
  return Overgrown{draft.Finish(), base::InvalidArgument(reason)};
}

}  // namespace perdure::machines
