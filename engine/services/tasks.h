// The keys that travel between history and matching. A task carries only keys: history checks it
// when it starts, so a duplicate or a stale one does no harm.
#pragma once

#include <functional>
#include <string>

#include "absl/time/time.h"
#include "base/ids.h"
#include "services/namespaces.h"
#include "temporal/api/common/v1/message.pb.h"

namespace perdure::services {

struct TaskKey {
  NamespacePtr name_space;
  std::string workflow_id;
  std::string run_id;
  base::EventId scheduled_event_id = 0;
  // Which scheduling of that event: workflow task attempt, or activity attempt. With `stamp` it
  // tells stale tasks from live ones.
  base::Attempt attempt = 1;
  int64_t stamp = 0;
};

// Values of temporal.api.enums.v1.TaskQueueType.
enum class QueueKind : uint8_t { kWorkflow = 1, kActivity = 2 };
// Whether a task queue, sticky or normal, is one of those meant.
using QueueFilter = std::function<bool(base::NamespaceNumber, const std::string&, QueueKind)>;

struct WorkflowTask {
  TaskKey key;
  std::string task_queue;  // the queue to put it on: sticky or normal
  bool is_sticky = false;
  std::string normal_task_queue;  // where a sticky task goes when its worker is gone
  temporal::api::common::v1::Priority priority;
  absl::Time scheduled_time;
};

struct ActivityTask {
  TaskKey key;
  std::string task_queue;
  temporal::api::common::v1::Priority priority;
  absl::Time scheduled_time;
};

// Who takes a task, as the poll said.
struct Poller {
  std::string identity;
  std::string request_id;  // unique per hand-out: a repeat of the same gets the same answer
  std::string task_queue;
  std::string binary_checksum;
  temporal::api::common::v1::WorkerVersionCapabilities worker_version;
  bool has_worker_version = false;
  std::string deployment_name;
  std::string build_id;
};

}  // namespace perdure::services
