// How a run begins: by a request, as a child, as the next of a chain, or by a reset.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "machines/workflow/decision.h"
#include "machines/workflow/draft.h"
#include "temporal/api/history/v1/message.pb.h"

namespace perdure::machines {

struct RunStart {
  std::string workflow_id;
  std::string run_id;
  std::string create_request_id;
  // Complete but for what follows from the members here (ids of the chain, attempt, expiration,
  // backoff).
  temporal::api::history::v1::WorkflowExecutionStartedEventAttributes attributes;
  int64_t execution_deadline_ns = 0;  // 0: from the execution timeout, if any
  int64_t backoff_ns = 0;             // of the first workflow task
  int32_t parent_namespace_number = 0;
  google::protobuf::RepeatedPtrField<temporal::api::common::v1::Link> links;
  std::optional<temporal::api::sdk::v1::UserMetadata> user_metadata;
  // A signal that comes with the start (second event).
  std::optional<temporal::api::history::v1::WorkflowExecutionSignaledEventAttributes> signal;
  std::string signal_request_id;
  google::protobuf::RepeatedPtrField<temporal::api::common::v1::Link> signal_links;
  // Hands the first workflow task to the caller at once.
  std::optional<TaskStart> eager_start;
  // An update that comes with the start; it goes out with the first workflow task.
  std::optional<pb::AdmittedUpdate> update;
};

// Writes the run's first record into an empty draft.
void BeginRun(Draft& draft, RunStart start);

// The run that follows `draft`'s run in its chain (continue-as-new, retry, cron), as a start to be
// completed by the caller: ids, parent, root, timeouts, memo and so on are inherited.
RunStart NextRunOf(const Draft& draft, std::string run_id, enums::ContinueAsNewInitiator initiator,
                   int64_t backoff_ns);

// Builds the record of a new run on an empty state.
NewRun MakeNewRun(const Context& context, RunStart start);

// Temporal: a chain must not spin faster than one run a second.
int64_t MinimalBackoff(const Draft& draft, int64_t backoff_ns);

// Cuts the timeouts to fit into each other; the default of the workflow task's is a setting.
int64_t EffectiveTaskTimeout(const base::Limits& limits, int64_t task_timeout_ns,
                             int64_t run_timeout_ns);
int64_t EffectiveRunTimeout(int64_t run_timeout_ns, int64_t execution_timeout_ns);

}  // namespace perdure::machines
