// How activities and children ended, as workflow code is told.
#pragma once

#include <cstdint>

#include "perdure/detail/activation.h"
#include "worker-sdk/core/events.h"
#include "worker-sdk/core/machines/activity.h"
#include "worker-sdk/core/machines/child.h"

namespace perdure::core {

// Of the event that closed an activity; moves results and failures out of it. Failures are the
// activity's, with what the server or the worker said as their cause (R29).
detail::OperationResult ActivityOutcome(const Activity& activity, std::int64_t scheduled_event_id,
                                        Event& event);
// Resolved by a cancel of workflow code's own, without an event.
detail::OperationResult CanceledActivity(const Activity& activity, std::int64_t scheduled_event_id);
FailurePtr CanceledLocalActivity(const detail::ScheduleLocalActivityCommand& command);

// Of the event that closed a child.
detail::OperationResult ChildOutcome(const Child& child, std::int64_t initiated_event_id,
                                     Event& event);
detail::OperationResult CanceledChild(const Child& child, std::int64_t initiated_event_id);
// A child that was not started: canceled before, or for the reason in the event.
FailurePtr ChildNotStarted(const Child& child, std::int64_t initiated_event_id, const char* reason);

// An application failure with this type.
FailurePtr MakeFailure(std::string message, std::string type);
FailurePtr MakeCanceled(Payloads details);
// Is it, or is it directly caused by, a cancellation?
bool IsCancellation(const Failure& failure);

}  // namespace perdure::core
