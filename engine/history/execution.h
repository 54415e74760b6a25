// A workflow run held in memory: its state, what of it is not yet committed, and who waits for it.
//
// Loop-bound. Owned by the cache; a run with anything in flight is never evicted.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "machines/workflow/decision.h"
#include "machines/workflow/state.h"
#include "perdure/store/v1/execution.pb.h"
#include "runtime/runtime.h"
#include "services/call.h"
#include "services/namespaces.h"
#include "store/store.h"
#include "temporal/api/query/v1/message.pb.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::history {

namespace api = temporal::api::workflowservice::v1;
namespace pb = perdure::store::v1;
using machines::EventId;
using machines::HistoryEvent;
using machines::State;

// A query that travels with the next workflow task.
struct BufferedQuery {
  temporal::api::query::v1::WorkflowQuery query;
  services::Reply<api::QueryWorkflowResponse> reply;
  services::CallContext context;
  bool is_sent = false;
  // The task that was started when it came, by scheduled event and attempt: what had been
  // acknowledged before may be behind that task, so another one carries it.
  std::pair<EventId, int64_t> after_task{0, 0};
};

struct Execution;
using ExecutionPtr = std::shared_ptr<Execution>;  // shared by the cache and the commits in flight

struct Execution {
  base::ExecutionKey key;
  std::string workflow_id;
  std::string run_id;
  services::NamespacePtr name_space;
  bool is_current = false;
  State state;

  // --- Durability
  // -----------------------------------------------------------------------------------------
  // Changes applied but not yet given to the committer: lazy ones wait for something that must be
  // durable.
  std::string unflushed;                 // a serialized JournalRecord, or empty
  EventId unflushed_first_event_id = 0;  // next_event_id before the first of them
  int64_t last_sequence = 0;             // given to the committer
  int64_t snapshot_sequence = 0;
  int64_t journal_bytes_since_snapshot = 0;
  int64_t snapshot_bytes = 0;
  // State::SizeBytes when it was last measured, and at most now.
  int64_t state_bytes_measured = 0;
  int64_t state_bytes_max = 0;
  bool is_state_large = false;  // It was warned of.
  EventId committed_next_event_id = 1;
  int64_t commits_in_flight = 0;
  absl::Time committed_at = absl::InfinitePast();  // when the last commit was through
  // The row's wake_at as last given to the committer.
  std::optional<absl::Time> row_wake_at;
  // Taken out of the cache by a failed commit; whoever still holds it must load anew.
  bool is_dropped = false;

  // --- Events in memory
  // ----------------------------------------------------------------------------------- The newest
  // events, contiguous up to next_event_id - 1.
  std::deque<std::shared_ptr<const HistoryEvent>> recent_events;
  int64_t recent_bytes = 0;

  // --- Waiting
  // --------------------------------------------------------------------------------------------
  struct HistoryWaiter {
    uint64_t id = 0;
    EventId beyond = 0;  // wakes when committed_next_event_id exceeds it, or the run is closed
    absl::AnyInvocable<void() &&> wake;
  };
  std::vector<HistoryWaiter> history_waiters;
  struct UpdateWaiter {
    uint64_t id = 0;
    std::string update_id;
    // Called with each notice; true when it is satisfied and must go.
    absl::AnyInvocable<bool(const machines::UpdateNotice&)> notify;
  };
  std::vector<UpdateWaiter> update_waiters;
  std::map<std::string, BufferedQuery> queries;  // by query id

  // --- Work handed out
  // ------------------------------------------------------------------------------------
  int64_t dispatched_task_stamp = 0;
  bool has_completed_task_here = false;       // since it was loaded
  std::map<uint64_t, bool> outbox_in_flight;  // message id → under way
  uint64_t outbox_durable = 0;                // ids up to this: committed, and may be sent
  uint64_t outbox_inherited = 0;  // ids up to this: perhaps sent by somebody before it was loaded
  runtime::TimerId timer = 0;
  absl::Time timer_time = absl::InfiniteFuture();
  absl::Time last_used;
  // Its place in the core's line of runs to evict, and in which.
  std::list<ExecutionPtr>::iterator place;
  std::list<ExecutionPtr>* line = nullptr;
};

}  // namespace perdure::history
