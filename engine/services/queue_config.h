// How a task queue was configured by UpdateTaskQueueConfig: kept in the namespace's data.
#pragma once

#include <string>

#include "services/namespaces.h"
#include "services/tasks.h"
#include "temporal/api/taskqueue/v1/message.pb.h"

namespace perdure::services {

// Null if it never was. Lives as long as `name_space`.
inline const temporal::api::taskqueue::v1::TaskQueueConfig* ConfigOf(const Namespace& name_space,
                                                                     QueueKind kind,
                                                                     const std::string& queue) {
  const auto& configs = kind == QueueKind::kActivity
                            ? name_space.data.activity_task_queue_configs()
                            : name_space.data.workflow_task_queue_configs();
  const auto found = configs.find(queue);
  return found == configs.end() ? nullptr : &found->second;
}

}  // namespace perdure::services
