// How a run ends, and what follows: the next run of the chain, the parent, the children.
#pragma once

#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "machines/workflow/draft.h"
#include "temporal/api/common/v1/message.pb.h"
#include "temporal/api/failure/v1/message.pb.h"

namespace perdure::machines {

// Adds the close event and what it entails. `new_run_id`: the chain goes on with that run.
void Close(Draft& draft, HistoryEvent close_event, const std::string& new_run_id);

// Ends the run from outside: a started workflow task is failed first, the buffer is flushed, and
// the event written. The caller has checked that the run is open.
void Terminate(
    Draft& draft, const std::string& reason, const temporal::api::common::v1::Payloads* details,
    const std::string& identity,
    const google::protobuf::RepeatedPtrField<temporal::api::common::v1::Link>* links = nullptr);

// The same because of a reset, whose run may go on with the parent and with children. `closes`:
// which of them are closed here all the same.
void TerminateForReset(Draft& draft, const std::string& reason, bool tells_parent,
                       absl::FunctionRef<bool(const Child&)> closes);

// Tells a child that its parent is over, as its policy wants it.
void CloseChild(Draft& draft, const Child& child);

// The run's or the chain's time is over: TimedOut, then retry or cron go on if they may.
void TimeOutRun(Draft& draft, bool is_whole_execution);

// Command handlers' ends. `completed_id`: the WorkflowTaskCompleted event.
void CompleteRun(Draft& draft, EventId completed_id, HistoryEvent event,
                 const temporal::api::common::v1::Payloads* result);
void FailRun(Draft& draft, EventId completed_id, HistoryEvent event,
             const temporal::api::failure::v1::Failure& failure);

// Aborts the updates that wait for this run. `continues`: they may be retried on the next run.
void AbortUpdates(Draft& draft, bool continues);

}  // namespace perdure::machines
