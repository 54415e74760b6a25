// Decisions about activity attempts: started, heartbeat, completed, failed, canceled.
//
// An attempt's events are written only when the activity closes (its Started and its close event
// together); attempts, heartbeats and retries change the pending activity alone. Source: Temporal,
// embedded activities.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "machines/workflow/decision.h"
#include "machines/workflow/draft.h"
#include "perdure/internal/v1/task_token.pb.h"
#include "temporal/api/common/v1/message.pb.h"
#include "temporal/api/failure/v1/message.pb.h"

namespace perdure::machines {

// Which pending activity an answer means: by task token, or (scheduled_event_id 0) by activity id.
using perdure::internal::v1::TaskToken;

struct ActivityAnswer {
  TaskToken token;
  std::string identity;
};

// NOT_FOUND: stale. ALREADY_EXISTS: somebody else has it. Durable: an attempt must not start twice.
absl::StatusOr<Decision> DecideActivityStarted(const State& state, EventId scheduled_event_id,
                                               base::Attempt attempt, int64_t stamp,
                                               const TaskStart& start, const Context& context);
absl::StatusOr<Decision> DecideActivityCompleted(const State& state, const ActivityAnswer& answer,
                                                 const temporal::api::common::v1::Payloads* result,
                                                 const Context& context);
absl::StatusOr<Decision> DecideActivityFailed(
    const State& state, const ActivityAnswer& answer,
    const temporal::api::failure::v1::Failure& failure,
    const temporal::api::common::v1::Payloads* last_heartbeat_details, const Context& context);
absl::StatusOr<Decision> DecideActivityCanceled(const State& state, const ActivityAnswer& answer,
                                                const temporal::api::common::v1::Payloads* details,
                                                const Context& context);
struct Heartbeat {
  Decision decision;
  bool cancel_requested = false;
  bool is_paused = false;
  bool is_reset = false;
};
absl::StatusOr<Heartbeat> DecideHeartbeat(const State& state, const ActivityAnswer& answer,
                                          const temporal::api::common::v1::Payloads* details,
                                          const Context& context);

// Starts the activities that the worker takes along with the answer to its workflow task.
void StartEagerActivities(Draft& draft, const std::vector<EventId>& scheduled_event_ids,
                          const std::string& identity);
// One deadline of a pending activity has passed.
void ActivityDeadlinePassed(Draft& draft, EventId scheduled_event_id);

// The pending activity an answer means; NOT_FOUND if there is none, or the attempt is another one.
absl::StatusOr<const Activity*> FindActivity(const State& state, const TaskToken& token);

// What a worker gets with an attempt.
TaskToken ActivityTokenOf(const State& state, const Activity& activity);

}  // namespace perdure::machines
