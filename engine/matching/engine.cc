#include "matching/engine.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/errors.h"
#include "perdure/internal/v1/matching.pb.h"

namespace perdure::matching {
namespace {

constexpr absl::Duration kSweepInterval = absl::Minutes(1);
constexpr absl::Duration kShutDownRemembered = absl::Seconds(70);
constexpr absl::Duration kRetryMin = absl::Milliseconds(20);
constexpr absl::Duration kRetryMax = absl::Seconds(1);
constexpr int kDefaultPriority = 3;

// History could not decide; the task is as good as before.
bool IsRetriable(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      return true;
    default:
      return false;
  }
}

// How long the workers of a sticky queue may take to follow it to a new home.
constexpr absl::Duration kFollowMax = absl::Seconds(1);

bool Has(const services::QueueFilter& filter, const TaskQueue::Identity& identity) {
  return filter(identity.name_space->number, identity.name, identity.kind);
}

}  // namespace

int Engine::PriorityOf(const temporal::api::common::v1::Priority& priority) {
  if (priority.priority_key() <= 0) return kDefaultPriority;
  return std::min<int>(priority.priority_key(), TaskQueue::kPriorities);
}

Engine::Key Engine::KeyOf(const TaskQueue::Identity& identity) {
  return {identity.name_space->number.value(), identity.kind, identity.name};
}

TaskQueue* Engine::FindQueue(const TaskQueue::Identity& identity) {
  const auto found = queues_.find(KeyOf(identity));
  return found == queues_.end() ? nullptr : found->second.get();
}

TaskQueue& Engine::Queue(const TaskQueue::Identity& identity) {
  auto& queue = queues_[KeyOf(identity)];
  if (queue == nullptr) {
    queue = std::make_unique<TaskQueue>(identity, options_.tasks_per_queue_max, loop_, *this);
    if (!identity.is_sticky && peers_ != nullptr) queue->SetBusyRate(options_.spread.split_rate);
    ScheduleSweep();
  }
  if (identity.is_sticky) queue->MarkSticky();
  ApplyConfig(*queue, *identity.name_space);
  return *queue;
}

void Engine::ScheduleSweep() {
  if (sweep_timer_ != 0 || queues_.empty()) return;
  sweep_timer_ = loop_.AtLeisure(kSweepInterval, [this] {
    sweep_timer_ = 0;
    Sweep();
    ScheduleSweep();
  });
}

// Forgets queues that nobody has used for as long as their pollers are remembered.
void Engine::Sweep() {
  const absl::Time now = loop_.Now();
  for (auto it = queues_.begin(); it != queues_.end();) {
    it->second->poller_history().Forget(now);
    if (it->second->IsIdle()) {
      ForgetSpread(it->first);
      it->second->Close();
      it = queues_.erase(it);
    } else {
      ++it;
    }
  }
  std::erase_if(spreads_, [](const auto& entry) { return entry.second->IsOver(); });
  std::erase_if(shut_down_workers_,
                [now](const auto& entry) { return now - entry.second > kShutDownRemembered; });
}

void Engine::AddWorkflowTask(services::WorkflowTask task) {
  TaskQueue::Identity identity{task.key.name_space, QueueKind::kWorkflow, task.task_queue,
                               task.is_sticky};
  if (task.is_sticky) {
    if (!IsStickyAlive(identity)) return MoveStickyTask(task);
    TakeQueriesBack(identity, task.key);
  }
  const int priority = PriorityOf(task.priority);
  Queue(identity).AddTask({++last_sequence_, priority, absl::Time(), std::move(task)});
}

void Engine::AddActivityTask(services::ActivityTask task) {
  TaskQueue& queue = Queue({task.key.name_space, QueueKind::kActivity, task.task_queue, false});
  const int priority = PriorityOf(task.priority);
  queue.AddTask({++last_sequence_, priority, absl::Time(), std::move(task)});
}

// The worker polled here lately, or may be about to: the queue's former home ended its polls, and
// its worker comes after it. Another worker would have to build the run anew.
bool Engine::IsStickyAlive(const TaskQueue::Identity& identity) {
  TaskQueue* queue = FindQueue(identity);
  if (queue != nullptr && queue->HasRecentPoll(TaskQueue::kStickyWindow)) return true;
  const absl::Time now = loop_.Now();
  for (const FormerlyOwned& before : formerly_owned_) {
    if (now - before.until >= kFollowMax || Has(before.owned, identity)) continue;
    Queue(identity).ExpectPollUntil(before.until + kFollowMax);
    return true;
  }
  return false;
}

// History pushes it again, to the normal queue, wherever that is; and whoever takes it there gets
// the whole history.
void Engine::MoveStickyTask(const services::WorkflowTask& task) {
  history_->StickyWorkerUnavailable(task.key);
}

void Engine::OnStickyAbandoned(TaskQueue& queue, std::vector<Task> tasks) {
  for (Task& task : tasks) {
    if (auto* workflow = std::get_if<services::WorkflowTask>(&task.work)) {
      MoveStickyTask(*workflow);
    } else if (const auto* query = std::get_if<QueryReference>(&task.work)) {
      EndQuery(query->id, base::Unavailable("sticky worker unavailable"));
    }
  }
}

// A worker that may do two things at a time has two polls, both of which may wait on the normal
// queue: one that ends there comes here.
void Engine::OnStickyStarved(TaskQueue& queue) {
  const Task& task = *queue.FirstWaiting();
  std::string normal;
  if (const auto* workflow = std::get_if<services::WorkflowTask>(&task.work)) {
    normal = workflow->normal_task_queue;
  } else if (const auto* query = std::get_if<QueryReference>(&task.work)) {
    const auto found = queries_.find(query->id);
    if (found != queries_.end()) normal = found->second.task.normal_task_queue;
  }
  std::vector<std::string> workers;
  for (const auto& [info, age] :
       queue.poller_history().SeenWithin(TaskQueue::kStickyWindow, loop_.Now())) {
    workers.push_back(info.identity());
  }
  const TaskQueue::Identity identity{queue.identity().name_space, QueueKind::kWorkflow, normal,
                                     false};
  if (TaskQueue* home = FindQueue(identity)) home->EndPollOf(workers);
  if (Partition* partition = FindPartition(identity)) partition->queue->EndPollOf(workers);
}

void Engine::OnDrained(TaskQueue& queue) {
  history_->PushOutstandingTasks(queue.identity().name_space, queue.identity().name,
                                 queue.identity().kind == QueueKind::kActivity);
}

void Engine::AddPoll(TaskQueue::Identity identity, std::unique_ptr<Poll> poll,
                     absl::Time deadline) {
  poll->sequence = ++last_sequence_;
  poll->since = loop_.Now();
  poll->until =
      std::min(poll->since + options_.long_poll_max, deadline - options_.long_poll_margin);
  if (!is_serving_ && !is_draining_) {
    return poll->Refuse(
        base::Unavailable("this server does not serve now: it is starting or on standby"));
  }
  Partition* partition = nullptr;
  if (!IsOwned(identity)) {
    // A rate is the home's to keep.
    const bool has_rate =
        poll->tasks_per_second_max.value_or(RateLimiter::kSystemRate) < RateLimiter::kSystemRate;
    partition = has_rate ? nullptr : FindPartition(identity);
    if (partition == nullptr) return poll->Refuse(base::ShardMoved());
  }
  if (!MayWait(*poll)) return poll->AnswerEmpty();
  if (poll->cancellation != nullptr) {
    poll->cancellation->OnCancel(
        [weak = weak_from_this(), &loop = loop_, identity, sequence = poll->sequence] {
          loop.Post([weak, identity, sequence] {
            const auto self = weak.lock();
            if (self == nullptr) return;
            if (TaskQueue* queue = self->FindQueue(identity)) queue->EndPoll(sequence);
            if (Partition* partition = self->FindPartition(identity)) {
              partition->queue->EndPoll(sequence);
            }
          });
        });
  }
  if (partition != nullptr) return partition->queue->AddPoll(std::move(poll));
  TaskQueue& queue = Queue(identity);
  queue.AddPoll(std::move(poll));
  OnRateChanged(queue);
}

bool Engine::IsOwned(const TaskQueue::Identity& identity) const {
  return !owned_ || Has(owned_, identity);
}

bool Engine::MayWait(const Poll& poll) const {
  if (is_draining_ || !is_serving_ || poll.IsCancelled() || loop_.Now() >= poll.until) return false;
  return poll.worker_instance_key.empty() || !shut_down_workers_.contains(poll.worker_instance_key);
}

void Engine::Dispatch(TaskQueue& queue, std::unique_ptr<Poll> poll, Task task,
                      int32_t scaling_hint) {
  if (const auto* query = std::get_if<QueryReference>(&task.work)) {
    return DispatchQuery(queue, std::move(poll), query->id, scaling_hint);
  }
  auto hand_out = std::make_unique<HandOut>();
  hand_out->queue = queue.identity();
  hand_out->poll = std::move(poll);
  hand_out->poll->poller.request_id = loop_.random().Uuid();
  hand_out->task = std::move(task);
  hand_out->scaling_hint = scaling_hint;
  hand_out->backlog_count = queue.BacklogHint();
  HandOutTask(std::move(hand_out));
}

void Engine::HandOutTask(std::unique_ptr<HandOut> hand_out) {
  ++hand_out->attempts;
  services::Poller poller = hand_out->poll->poller;
  if (const auto* task = std::get_if<services::WorkflowTask>(&hand_out->task.work)) {
    services::TaskKey key = task->key;
    history_->RecordWorkflowTaskStarted(
        std::move(key), std::move(poller),
        OnRecorded<api::PollWorkflowTaskQueueResponse>(std::move(hand_out)));
  } else if (const auto* task = std::get_if<services::ActivityTask>(&hand_out->task.work)) {
    services::TaskKey key = task->key;
    history_->RecordActivityTaskStarted(
        std::move(key), std::move(poller),
        OnRecorded<api::PollActivityTaskQueueResponse>(std::move(hand_out)));
  }
}

// A task that has started goes straight to the worker from history's thread; only refusals come
// back to the loop.
template <class Response>
services::Reply<Response> Engine::OnRecorded(std::unique_ptr<HandOut> hand_out) {
  return [self = shared_from_this(),
          hand_out = std::move(hand_out)](absl::StatusOr<Response> response) mutable {
    if (!response.ok()) {
      runtime::Loop& loop = self->loop_;
      loop.Post(
          [self = std::move(self), hand_out = std::move(hand_out),
           status = response.status()]() mutable { self->OnRefused(std::move(hand_out), status); });
      return;
    }
    if constexpr (std::is_same_v<Response, api::PollWorkflowTaskQueueResponse>) {
      response->set_backlog_count_hint(hand_out->backlog_count);
    }
    if (hand_out->scaling_hint != 0) {
      response->mutable_poller_scaling_decision()->set_poll_request_delta_suggestion(
          hand_out->scaling_hint);
    }
    std::move(std::get<services::Reply<Response>>(hand_out->poll->reply))(*std::move(response));
  };
}

void Engine::OnRefused(std::unique_ptr<HandOut> hand_out, const absl::Status& status) {
  const bool is_retriable = IsRetriable(status);
  if (hand_out->go_home != nullptr) {
    return OnRefusedInPartition(std::move(hand_out), is_retriable);
  }
  // The queue's new owner is given the task, and asked by the next poll.
  if (!IsOwned(hand_out->queue)) return hand_out->poll->AnswerEmpty();
  if (!MayWait(*hand_out->poll)) {
    if (is_retriable && !is_draining_) {
      Queue(hand_out->queue).ReturnTask(std::move(hand_out->task));
      OnLack(hand_out->queue);
    }
    return hand_out->poll->AnswerEmpty();
  }
  if (!is_retriable) {  // Stale, taken, or history will never start it: history knows why.
    return Queue(hand_out->queue).ReturnPoll(std::move(hand_out->poll));
  }
  RetryHandOut(std::move(hand_out));
}

void Engine::RetryHandOut(std::unique_ptr<HandOut> hand_out) {
  // The same poll asks again with the same request id: if the first time was recorded after all, it
  // gets that.
  const absl::Duration delay =
      std::min(kRetryMin * (1 << std::min(hand_out->attempts - 1, 10)), kRetryMax);
  loop_.After(delay, [self = shared_from_this(), hand_out = std::move(hand_out)]() mutable {
    self->HandOutTask(std::move(hand_out));
  });
}

void Engine::ShutdownWorker(const services::NamespacePtr& name_space,
                            const api::ShutdownWorkerRequest& request) {
  const std::string& key = request.worker_instance_key();
  if (!key.empty()) shut_down_workers_[key] = loop_.Now();
  const int32_t number = name_space->number.value();
  const Key first{number, QueueKind::kWorkflow, ""};
  const auto end_polls_of = [&](TaskQueue& queue) {
    const int64_t ended =
        queue.EndPollsIf([&key](const Poll& poll) { return poll.worker_instance_key == key; });
    if (ended > 0 || queue.identity().name == request.task_queue()) {
      queue.ForgetPoller(request.identity());
    }
  };
  if (!key.empty()) {
    for (auto it = queues_.lower_bound(first);
         it != queues_.end() && std::get<0>(it->first) == number; ++it) {
      end_polls_of(*it->second);
    }
    for (auto it = partitions_.lower_bound(first);
         it != partitions_.end() && std::get<0>(it->first) == number; ++it) {
      end_polls_of(*it->second.queue);
    }
  }
  if (request.sticky_task_queue().empty()) return;
  const TaskQueue::Identity identity{name_space, QueueKind::kWorkflow, request.sticky_task_queue(),
                                     true};
  if (TaskQueue* sticky = FindQueue(identity)) {
    sticky->EndPollsIf([](const Poll&) { return true; });
    sticky->ForgetPoller(request.identity());
    sticky->AbandonSticky();
  }
}

void Engine::SetServing(bool is_serving) {
  is_serving_ = is_serving;
  if (is_serving_) return;
  EndPolls();
}

void Engine::SetOwned(services::QueueFilter owned) {
  const absl::Time now = loop_.Now();
  std::erase_if(formerly_owned_,
                [now](const FormerlyOwned& before) { return now - before.until >= kFollowMax; });
  if (owned_ != nullptr) formerly_owned_.push_back({std::move(owned_), now});
  owned_ = std::move(owned);
  // Some may be this process's now. The homes of the others ask again.
  EndPartitions();
  for (auto it = queues_.begin(); it != queues_.end();) {
    const TaskQueue::Identity& identity = it->second->identity();
    if (IsOwned(identity)) {
      ++it;
      continue;
    }
    for (const Task& task : it->second->TakeAll()) {
      const auto* query = std::get_if<QueryReference>(&task.work);
      if (query != nullptr) {
        EndQuery(query->id, base::Unavailable("the task queue moved to another server, try again"));
      }
    }
    ForgetSpread(it->first);
    it->second->Close();
    it = queues_.erase(it);
  }
}

void Engine::EndPolls() {
  for (auto& [key, queue] : queues_) {
    queue->EndPollsIf([](const Poll&) { return true; });
  }
  for (auto& [key, partition] : partitions_) {
    partition.queue->EndPollsIf([](const Poll&) { return true; });
  }
  EndPartitions();
}

void Engine::Drain() {
  is_draining_ = true;
  EndPolls();
  while (!queries_.empty()) {
    EndQuery(std::string(queries_.begin()->first), base::Unavailable("The server is stopping."));
  }
}

void Engine::Close() {
  Drain();
  for (auto& [key, spread] : spreads_) spread->Close();
  spreads_.clear();
  for (auto& [key, queue] : queues_) queue->Close();
  queues_.clear();
  if (sweep_timer_ != 0) loop_.Cancel(std::exchange(sweep_timer_, 0));
}

// --- Queries

// A worker that has lost the run from its cache reads all of it for a query, and would be ahead of
// the task that comes behind. History sends them with the task.
void Engine::TakeQueriesBack(const TaskQueue::Identity& identity, const services::TaskKey& task) {
  const TaskQueue* queue = FindQueue(identity);
  if (queue == nullptr) return;
  for (const std::string& id : queue->WaitingQueries()) {
    const auto query = queries_.find(id);
    const bool is_same_run = query != queries_.end() &&
                             query->second.task.workflow_id == task.workflow_id &&
                             query->second.task.run_id == task.run_id;
    if (!is_same_run) continue;
    EndQuery(id, base::Unavailable("a workflow task has come meanwhile"));
  }
}

TaskQueue::Identity Engine::QueueOf(const services::QueryTask& task) {
  return {task.name_space, QueueKind::kWorkflow, task.task_queue, task.is_sticky};
}

void Engine::Query(services::CallContext context, services::QueryTask task,
                   services::Reply<api::QueryWorkflowResponse> reply) {
  if (is_draining_) return std::move(reply)(base::Unavailable("The server is stopping."));
  const TaskQueue::Identity identity = QueueOf(task);
  if (task.is_sticky) {
    if (!IsStickyAlive(identity)) {
      return std::move(reply)(base::Unavailable("sticky worker unavailable"));
    }
  }
  const std::string id = loop_.random().Uuid();
  PendingQuery& query = queries_[id];
  query.task = std::move(task);
  query.reply = std::move(reply);
  if (context.deadline != absl::InfiniteFuture()) {
    query.deadline_timer = loop_.At(context.deadline, [this, id] {
      EndQuery(id, absl::DeadlineExceededError("The query timed out before a worker answered it."));
    });
    query.no_poller_timer = loop_.At(context.deadline - options_.long_poll_margin,
                                     [this, id] { CheckQueryPollers(id); });
  }
  if (context.cancellation != nullptr) {
    context.cancellation->OnCancel([weak = weak_from_this(), &loop = loop_, id] {
      loop.Post([weak, id] {
        const auto self = weak.lock();
        if (self != nullptr) self->EndQuery(id, absl::CancelledError("The caller is gone."));
      });
    });
  }
  TaskQueue& queue = Queue(identity);
  queue.AddTask({++last_sequence_, 1, absl::Time(), QueryReference{id}});
  if (queue.waiting_count() > 0) OnLack(identity);
}

// Temporal: a second before the deadline, a better error for a caller who has started no worker.
void Engine::CheckQueryPollers(const std::string& id) {
  const auto found = queries_.find(id);
  if (found == queries_.end() || found->second.is_dispatched) return;
  const TaskQueue* queue = FindQueue(QueueOf(found->second.task));
  if (queue != nullptr && queue->HasRecentPoll(absl::Seconds(20))) return;
  EndQuery(id,
           base::FailedPrecondition("no poller seen for task queue recently, worker may be down"));
}

void Engine::DispatchQuery(TaskQueue& queue, std::unique_ptr<Poll> poll, const std::string& id,
                           int32_t scaling_hint) {
  const auto found = queries_.find(id);
  if (found == queries_.end()) return queue.ReturnPoll(std::move(poll));
  services::QueryTask& task = found->second.task;
  found->second.is_dispatched = true;
  perdure::internal::v1::QueryTaskToken token;
  token.set_namespace_id(task.name_space->id);
  token.set_task_queue(task.task_queue);
  token.set_query_id(id);
  api::PollWorkflowTaskQueueResponse response = std::move(task.response);
  response.set_task_token(token.SerializeAsString());
  *response.mutable_query() = task.query;
  response.set_backlog_count_hint(queue.BacklogHint());
  if (scaling_hint != 0) {
    response.mutable_poller_scaling_decision()->set_poll_request_delta_suggestion(scaling_hint);
  }
  std::move(std::get<0>(poll->reply))(std::move(response));
}

void Engine::EndQuery(const std::string& id, absl::StatusOr<api::QueryWorkflowResponse> result) {
  const auto found = queries_.find(id);
  if (found == queries_.end()) return;
  PendingQuery query = std::move(found->second);
  queries_.erase(found);
  if (query.deadline_timer != 0) loop_.Cancel(query.deadline_timer);
  if (query.no_poller_timer != 0) loop_.Cancel(query.no_poller_timer);
  if (!query.is_dispatched) {
    if (TaskQueue* queue = FindQueue(QueueOf(query.task))) queue->RemoveQuery(id);
  }
  std::move(query.reply)(std::move(result));
}

void Engine::RespondQueryTaskCompleted(
    const services::NamespacePtr& name_space, api::RespondQueryTaskCompletedRequest request,
    services::Reply<api::RespondQueryTaskCompletedResponse> reply) {
  namespace enums = temporal::api::enums::v1;
  perdure::internal::v1::QueryTaskToken token;
  if (!token.ParseFromString(request.task_token())) {
    return std::move(reply)(base::InvalidArgument("Error deserializing task token."));
  }
  if (token.task_queue().empty() || token.query_id().empty()) {
    return std::move(reply)(base::InvalidArgument("Invalid TaskToken."));
  }
  if (token.namespace_id() != name_space->id) {
    return std::move(reply)(
        base::InvalidArgument("Operation requested with a token from a different namespace."));
  }
  const auto found = queries_.find(token.query_id());
  // The id may be another namespace's, in a token that was forged.
  const bool is_there = found != queries_.end() && found->second.is_dispatched &&
                        found->second.task.name_space->number == name_space->number;
  if (!is_there) {
    return std::move(reply)(base::NotFound("query task not found, or already expired"));
  }
  const auto size = static_cast<int64_t>(request.query_result().ByteSizeLong());
  if (size > name_space->limits.blob_size_bytes) {
    EndQuery(token.query_id(),
             base::QueryFailed("Blob data size exceeds limit.", request.failure()));
  } else if (request.completed_type() == enums::QUERY_RESULT_TYPE_ANSWERED) {
    api::QueryWorkflowResponse response;
    *response.mutable_query_result() = std::move(*request.mutable_query_result());
    EndQuery(token.query_id(), std::move(response));
  } else if (request.completed_type() == enums::QUERY_RESULT_TYPE_FAILED) {
    EndQuery(token.query_id(), base::QueryFailed(request.error_message(), request.failure()));
  } else {
    EndQuery(token.query_id(), base::Internal("unknown query completed type"));
  }
  std::move(reply)(api::RespondQueryTaskCompletedResponse());
}

}  // namespace perdure::matching
