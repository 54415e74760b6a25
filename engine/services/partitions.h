// A busy task queue is split: besides its home, the node that holds it, others have a partition of
// it, where polls of their own wait and tasks of their own history meet them without a hop.
//
// A partition never holds a task: whatever meets no poll there goes home. So nothing depends on who
// knows of a split: the home always takes everything, and a partition that hears no more from it
// ends by itself.
#pragma once

#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "perdure/internal/v1/cluster.pb.h"
#include "services/call.h"
#include "services/cluster.h"
#include "services/namespaces.h"
#include "services/tasks.h"

namespace perdure::services {

// Gets back a task that met no poll.
template <class Task>
using Untaken = absl::AnyInvocable<void(Task) &&>;

// What this process has of queues whose homes are elsewhere. Thread-safe.
class Partitions {
 public:
  virtual ~Partitions() = default;
  // Whether polls and tasks of the queue, which is not sticky, may be tried here. Such a poll is
  // answered base::ShardMoved when it has to go home after all, perhaps after a while.
  virtual bool HasPartition(base::NamespaceNumber number, const std::string& task_queue,
                            QueueKind kind) const = 0;
  virtual void TryWorkflowTask(WorkflowTask task, Untaken<WorkflowTask> untaken) = 0;
  virtual void TryActivityTask(ActivityTask task, Untaken<ActivityTask> untaken) = 0;
  // From the queue's home, as far as this node knows.
  virtual void HoldPartition(NamespacePtr name_space,
                             perdure::internal::v1::HoldPartitionRequest request,
                             Reply<perdure::internal::v1::HoldPartitionResponse> reply) = 0;
};

// Those who can have partitions of this process's queues. Thread-safe.
class PartitionPeers {
 public:
  virtual ~PartitionPeers() = default;
  // All others that do matching, by id.
  virtual std::vector<Member> others() const = 0;
  // Who asks is filled in. Is not sent twice.
  virtual void HoldPartition(const Member& member, NamespacePtr name_space,
                             perdure::internal::v1::HoldPartitionRequest request,
                             Reply<perdure::internal::v1::HoldPartitionResponse> reply) = 0;
};

}  // namespace perdure::services
