// Matching: pollers meet tasks. Everything it holds is a cache of what history can push again.
#pragma once

#include <cstdint>
#include <string>

#include "services/call.h"
#include "services/namespaces.h"
#include "services/tasks.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::services {

namespace api = temporal::api::workflowservice::v1;

// A query that goes to a worker directly (not attached to a workflow task of the run).
struct QueryTask {
  NamespacePtr name_space;
  std::string workflow_id;
  std::string run_id;
  std::string workflow_type;
  std::string task_queue;
  bool is_sticky = false;
  std::string normal_task_queue;
  temporal::api::query::v1::WorkflowQuery query;
  // The answer's history, pages and previous_started_event_id: all of PollWorkflowTaskQueueResponse
  // but task_token, query, backlog hint and poller decision, which matching adds.
  api::PollWorkflowTaskQueueResponse response;
};

// Thread-safe.
class MatchingService {
 public:
  virtual ~MatchingService() = default;

  // Called by history, after commit. Of a sticky task whose queue has had no poller for ten seconds
  // history is told at once (HistoryService::StickyWorkerUnavailable), and pushes it to its normal
  // queue.
  virtual void AddWorkflowTask(WorkflowTask task) = 0;
  virtual void AddActivityTask(ActivityTask task) = 0;
  // The run's tasks that still wait for a worker need none any more: it has closed, or, with an id,
  // the activity scheduled by that event has ended. Only keeps the backlog true; a task that is
  // handed out all the same does no harm.
  virtual void ForgetTasks(NamespacePtr name_space, std::string run_id,
                           base::EventId scheduled_event_id) = 0;

  // Dispatches to a worker and waits for its answer. A sticky worker that is not there is answered
  // UNAVAILABLE with the text "sticky worker unavailable", at once; a deadline passed,
  // DEADLINE_EXCEEDED.
  virtual void Query(CallContext context, QueryTask task,
                     Reply<api::QueryWorkflowResponse> reply) = 0;
  // A worker's answer to a QueryTask, by its token.
  virtual void RespondQueryTaskCompleted(CallContext context, NamespacePtr name_space,
                                         api::RespondQueryTaskCompletedRequest request,
                                         Reply<api::RespondQueryTaskCompletedResponse> reply) = 0;

  // Long polls: empty replies (OK) when the deadline nears, the worker shuts down, or the server
  // stops.
  virtual void PollWorkflowTaskQueue(CallContext context, NamespacePtr name_space,
                                     api::PollWorkflowTaskQueueRequest request,
                                     Reply<api::PollWorkflowTaskQueueResponse> reply) = 0;
  virtual void PollActivityTaskQueue(CallContext context, NamespacePtr name_space,
                                     api::PollActivityTaskQueueRequest request,
                                     Reply<api::PollActivityTaskQueueResponse> reply) = 0;

  virtual void DescribeTaskQueue(CallContext context, NamespacePtr name_space,
                                 api::DescribeTaskQueueRequest request,
                                 Reply<api::DescribeTaskQueueResponse> reply) = 0;
  virtual void ListTaskQueuePartitions(CallContext context, NamespacePtr name_space,
                                       api::ListTaskQueuePartitionsRequest request,
                                       Reply<api::ListTaskQueuePartitionsResponse> reply) = 0;
  // The configuration stands in the namespace's data by now: takes it from there and answers with
  // it.
  virtual void UpdateTaskQueueConfig(CallContext context, NamespacePtr name_space,
                                     api::UpdateTaskQueueConfigRequest request,
                                     Reply<api::UpdateTaskQueueConfigResponse> reply) = 0;
  // Ends the polls of that worker (by sticky queue and worker_instance_key) and retires its sticky
  // queue.
  virtual void ShutdownWorker(CallContext context, NamespacePtr name_space,
                              api::ShutdownWorkerRequest request,
                              Reply<api::ShutdownWorkerResponse> reply) = 0;

  // Ends every open poll with an empty reply and takes no more: for shutdown.
  virtual void Drain() = 0;
};

}  // namespace perdure::services
