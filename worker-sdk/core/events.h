// What the core asks about history events.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "temporal/api/history/v1/message.pb.h"

namespace perdure::core {

using Event = temporal::api::history::v1::HistoryEvent;
using temporal::api::enums::v1::EventType;

// Written because a workflow task's completion said so: they stand in the order of its commands.
bool IsCommandEvent(EventType type);
// The last event of a run.
bool EndsRun(EventType type);
// Says nothing to workflow code and to no command.
bool IsWithoutEffect(EventType type);
// The event of the command that this one is about (R21); 0 where it is about none.
std::int64_t InitiatingEventId(const Event& event);

// "ActivityTaskScheduled".
std::string EventTypeName(int type);
// "12 ActivityTaskScheduled (activity_id 3, type Pay)": what identifies the event, no payloads.
std::string Describe(const Event& event);

}  // namespace perdure::core
