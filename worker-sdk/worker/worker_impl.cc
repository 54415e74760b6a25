#include "worker-sdk/worker/worker_impl.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "temporal/api/enums/v1/task_queue.pb.h"

namespace perdure::detail {

namespace api = temporal::api::workflowservice::v1;
using worker::Nanos;

// One workflow loop. Members are used on its executor only, once it has begun.
struct WorkerImpl::Loop {
  // Two of them, because what still runs while the owner is destroyed may post.
  std::unique_ptr<client::Executor> executor_owner;
  client::Executor* executor = nullptr;
  std::unique_ptr<worker::Rpc> rpc;
  std::unique_ptr<worker::WorkflowWorker> workflows;  // Null: the worker runs activities only.
  bool is_stopping = false;
  bool is_ended = false;
  bool is_checking = false;
  bool is_eager_over = false;
  std::unique_ptr<client::Executor::Timer> again;
};

WorkerImpl::WorkerImpl(worker::Host host, WorkerOptions options, worker::RunFactoryMaker make_runs)
    : host_(std::move(host)),
      options_(std::move(options)),
      loop_options_(options_),
      make_runs_(std::move(make_runs)),
      stopped_(host_.transport->NewEvent()) {
  if (options_.task_queue.empty()) throw Error("WorkerOptions::task_queue is empty");
  if (options_.workflow_threads < 1) throw Error("WorkerOptions::workflow_threads is less than 1");
  if (options_.cache.runs > 0 && !options_.workflow_slots &&
      options_.max_concurrent_workflow_tasks < 2) {
    throw Error(
        "WorkerOptions::max_concurrent_workflow_tasks is less than 2: with a cache, a worker polls "
        "two "
        "queues at a time");
  }
  if (options_.max_concurrent_activities < 1 || options_.max_concurrent_local_activities < 1) {
    throw Error("WorkerOptions: a number of concurrent activities is less than 1");
  }
  if (!options_.identity.empty()) host_.identity = options_.identity;
  if (options_.log) host_.log = options_.log;
  host_.meter = worker::Meter(host_.metrics, host_.namespace_, options_.task_queue);
  const int threads = options_.workflow_threads;
  auto part = [threads](std::int64_t whole) {
    return whole > 0 ? std::max<std::int64_t>(1, whole / threads) : 0;
  };
  loop_options_.cache.runs = part(options_.cache.runs);
  loop_options_.cache.bytes = part(options_.cache.bytes);
  loop_options_.workflow_pollers.maximum = part(options_.workflow_pollers.maximum);
  loop_options_.workflow_pollers.initial = part(options_.workflow_pollers.initial);
  loop_options_.workflow_pollers.minimum = part(options_.workflow_pollers.minimum);
}

WorkerImpl::~WorkerImpl() {
  if (is_started_) {
    RequestStop();
    WaitStopped(Nanos::max());
  }
  EndLoops();
}

// They run what is still posted, which refers to the rest and, from any loop, to the first.
void WorkerImpl::EndLoops() {
  for (auto loop = loops_.rbegin(); loop != loops_.rend(); ++loop) (*loop)->executor_owner.reset();
}

void WorkerImpl::AddWorkflow(WorkflowDefinition definition) {
  const std::string name = definition.type.empty() ? "the dynamic workflow" : definition.type;
  if (is_started_) throw Error("the worker runs already; register " + name + " before");
  if (!workflows_.Add(std::move(definition)))
    throw Error("workflow " + name + " is registered already");
}

void WorkerImpl::AddActivity(ActivityDefinition definition) {
  const std::string name = definition.type.empty() ? "the dynamic activity" : definition.type;
  if (is_started_) throw Error("the worker runs already; register " + name + " before");
  if (!activities_.Add(std::move(definition)))
    throw Error("activity " + name + " is registered already");
}

void WorkerImpl::MakeParts() {
  auto slots = [&](SlotKind kind, const std::shared_ptr<SlotSupplier>& given, std::int64_t count) {
    return std::make_unique<worker::SlotPool>(kind, options_.task_queue,
                                              given ? given : fixed_slots(count), host_.meter);
  };
  workflow_slots_ =
      slots(SlotKind::workflow, options_.workflow_slots, options_.max_concurrent_workflow_tasks);
  activity_slots_ =
      slots(SlotKind::activity, options_.activity_slots, options_.max_concurrent_activities);
  local_slots_ = slots(SlotKind::local_activity, options_.local_activity_slots,
                       options_.max_concurrent_local_activities);
  const bool has_workflows = !workflows_.empty() && !options_.no_workflows;
  const bool has_activities = !activities_.empty() && !options_.no_remote_activities;
  if (!has_workflows && !has_activities)
    throw Error("a worker without workflows and activities has no work");
  loops_.push_back(std::make_unique<Loop>());
  loops_[0]->executor_owner = host_.transport->NewExecutor("worker-0");
  loops_[0]->executor = loops_[0]->executor_owner.get();
  control_rpc_ = std::make_unique<worker::Rpc>(&host_, loops_[0]->executor);
  activity_rpc_ = std::make_unique<worker::Rpc>(&host_, loops_[0]->executor);
  if (has_activities) {
    activity_worker_ = std::make_unique<worker::ActivityWorker>(
        activity_rpc_.get(), &options_, &activities_, activity_slots_.get(),
        [this](const absl::Status& status) { Fatal(status); });
  }
  for (int i = 0; i < (has_workflows ? options_.workflow_threads : 1); ++i) MakeLoop(i);
  if (!has_workflows) loops_[0]->workflows.reset();
  if (has_workflows) MakeEager();
  auto check = [this] { loops_[0]->executor->Post([this] { CheckAll(); }); };
  control_rpc_->OnIdle(check);
  activity_rpc_->OnIdle(check);
  if (activity_worker_) activity_worker_->OnChange(check);
}

void WorkerImpl::MakeLoop(int index) {
  if (index > 0) {
    loops_.push_back(std::make_unique<Loop>());
    loops_[index]->executor_owner = host_.transport->NewExecutor(absl::StrCat("worker-", index));
    loops_[index]->executor = loops_[index]->executor_owner.get();
  }
  Loop* loop = loops_[index].get();
  loop->rpc = std::make_unique<worker::Rpc>(&host_, loop->executor);
  worker::WorkflowWorker::Parts parts;
  parts.rpc = loop->rpc.get();
  parts.options = &loop_options_;
  parts.activities = &activities_;
  parts.slots = workflow_slots_.get();
  parts.local_slots = local_slots_.get();
  parts.activity_worker = activity_worker_.get();
  parts.make_run = make_runs_(host_, options_, workflows_);
  parts.sticky_queue = absl::StrCat(options_.task_queue, ":", host_.instance_key, ":", index);
  parts.cached_runs = &cached_runs_;
  parts.fatal = [this](const absl::Status& status) { Fatal(status); };
  loop->workflows = std::make_unique<worker::WorkflowWorker>(std::move(parts));
  auto check = [this, loop] {
    // Many changes come from deep inside the loop's work; one look afterwards is enough for all.
    if (!loop->is_stopping || std::exchange(loop->is_checking, true)) return;
    loop->executor->Post([this, loop] {
      loop->is_checking = false;
      CheckLoop(loop);
    });
  };
  loop->workflows->OnChange(check);
  loop->rpc->OnIdle(check);
}

bool WorkerImpl::DescribeNamespace(const std::function<bool()>& is_interrupted,
                                   absl::Status& status,
                                   api::DescribeNamespaceResponse& described) {
  // How often it is looked whether the start is still wanted; virtual time would pass by it.
  const Nanos look =
      host_.transport->is_real_time() ? std::chrono::milliseconds(100) : Nanos::max();
  auto answered = host_.transport->NewEvent();
  std::shared_ptr<worker::Rpc::Handle> call;  // Of the loop.
  loops_[0]->executor->Post([&] {
    auto request = std::make_unique<api::DescribeNamespaceRequest>();
    request->set_namespace_(host_.namespace_);
    call = control_rpc_->Call<api::DescribeNamespaceResponse>(
        "DescribeNamespace", std::move(request),
        [&](absl::Status result, api::DescribeNamespaceResponse& response) {
          status = std::move(result);
          described.Swap(&response);
          answered->Set();
        });
  });
  const auto is_unwanted = [&] {
    absl::MutexLock lock(&mutex_);
    return is_stop_requested_ || (is_interrupted && is_interrupted());
  };
  bool is_wanted = true;
  while (!answered->Wait(look)) {
    is_wanted = !is_unwanted();
    if (is_wanted) continue;
    loops_[0]->executor->Post([&] { call->Cancel(); });
    answered->Wait(Nanos::max());
    break;
  }
  return is_wanted && !is_unwanted();
}

void WorkerImpl::Start(const std::function<bool()>& is_interrupted) {
  if (is_started_) throw Error("the worker was started before");
  MakeParts();
  absl::Status status;
  api::DescribeNamespaceResponse described;
  const bool is_wanted = DescribeNamespace(is_interrupted, status, described);
  const bool is_refused = !status.ok() && status.code() != absl::StatusCode::kUnimplemented;
  if (!is_wanted || is_refused) {
    EndLoops();
    loops_.clear();
    if (!is_wanted) return stopped_->Set();
    throw Error(absl::StrCat("the worker of task queue ", options_.task_queue,
                             " cannot begin: namespace ", host_.namespace_, " at ",
                             host_.transport->target(), ": ", std::string(status.message())));
  }
  const auto& can = described.namespace_info().capabilities();
  StartPolling(can.poller_autoscaling(), can.worker_poll_complete_on_shutdown());
  absl::MutexLock lock(&mutex_);
  is_started_ = true;
  if (is_stop_requested_) loops_[0]->executor->Post([this] { BeginStop(); });
}

void WorkerImpl::StartPolling(bool server_scales, bool ends_polls) {
  host_.meter.Count("temporal_worker_start");
  if (connection_ && eager_) connection_->AddEagerStarter(eager_.get());
  worker::Log(host_, LogLevel::info, "worker started",
              {{"task_queue", options_.task_queue},
               {"namespace", host_.namespace_},
               {"workflows", workflows_.Names()},
               {"activities", activities_.Names()}});
  for (auto& loop : loops_) {
    if (!loop->workflows) continue;
    loop->executor->Post(
        [loop = loop.get(), server_scales] { loop->workflows->Start(server_scales); });
  }
  loops_[0]->executor->Post([this, server_scales, ends_polls] {
    ends_polls_ = ends_polls;
    if (activity_worker_) activity_worker_->Start(server_scales);
  });
}

void WorkerImpl::Fatal(const absl::Status& status) {
  {
    absl::MutexLock lock(&mutex_);
    if (fatal_.ok()) fatal_ = status;
  }
  worker::Log(host_, LogLevel::error, "the server refuses this worker's polls; the worker stops",
              {{"task_queue", options_.task_queue}, {"error", std::string(status.ToString())}});
  RequestStop();
}

absl::Status WorkerImpl::fatal() const {
  absl::MutexLock lock(&mutex_);
  return fatal_;
}

void WorkerImpl::RequestStop() {
  absl::MutexLock lock(&mutex_);
  if (std::exchange(is_stop_requested_, true) || !is_started_) return;
  loops_[0]->executor->Post([this] { BeginStop(); });
}

bool WorkerImpl::WaitStopped(Nanos limit) { return stopped_->Wait(limit); }

void WorkerImpl::BeginStop() {
  is_stopping_ = true;
  worker::Log(host_, LogLevel::info, "worker stops", {{"task_queue", options_.task_queue}});
  if (eager_) {
    eager_->Stop();
    if (connection_) connection_->RemoveEagerStarter(eager_.get());
  }
  if (activity_worker_) {
    activity_worker_->StopEager();
    activity_worker_->StopPolling();
  }
  for (auto& loop : loops_) {
    loop->executor->Post([loop = loop.get()] {
      loop->is_stopping = true;
      if (loop->workflows) loop->workflows->StopPolling();
    });
  }
  client::Executor* executor = loops_[0]->executor;
  grace_timer_ = executor->PostAfter(options_.shutdown_grace, [this] {
    if (activity_worker_) activity_worker_->CancelAll(CancelReason::worker_shutdown);
  });
  local_grace_timer_ =
      executor->PostAfter(options_.shutdown_grace + worker::kLocalGrace, [this] { GraceOver(); });
  // After the loops have stopped: what is posted from here comes behind.
  SendShutdown();
}

void WorkerImpl::SendShutdown() {
  auto open = std::make_shared<std::int64_t>(static_cast<std::int64_t>(loops_.size()));
  for (auto& loop : loops_) {
    auto request = std::make_unique<api::ShutdownWorkerRequest>();
    request->set_namespace_(host_.namespace_);
    request->set_identity(host_.identity);
    request->set_reason("graceful shutdown");
    request->set_worker_instance_key(host_.instance_key);
    request->set_task_queue(options_.task_queue);
    if (loop->workflows) {
      if (options_.cache.runs > 0) request->set_sticky_task_queue(loop->workflows->sticky_queue());
      request->add_task_queue_types(temporal::api::enums::v1::TASK_QUEUE_TYPE_WORKFLOW);
    }
    if (activity_worker_)
      request->add_task_queue_types(temporal::api::enums::v1::TASK_QUEUE_TYPE_ACTIVITY);
    control_rpc_->Call<api::ShutdownWorkerResponse>(
        "ShutdownWorker", std::move(request),
        [this, open](const absl::Status& status, const api::ShutdownWorkerResponse&) {
          // An old server does not know it; then its sticky queue runs into its timeout instead.
          if (!status.ok()) ends_polls_ = false;
          if (--*open == 0) EndPolls();
        },
        std::chrono::seconds(3));
  }
}

void WorkerImpl::EndPolls() {
  auto interrupt = [this] {
    if (activity_worker_) activity_worker_->InterruptPolls();
    for (auto& loop : loops_) {
      loop->executor->Post([this, loop = loop.get()] {
        if (loop->workflows) loop->workflows->InterruptPolls();
        CheckLoop(loop);
      });
    }
  };
  if (ends_polls_) {
    poll_timer_ = loops_[0]->executor->PostAfter(worker::kPollGrace, interrupt);
    for (auto& loop : loops_) loop->executor->Post([this, loop = loop.get()] { CheckLoop(loop); });
  } else {
    interrupt();
  }
}

void WorkerImpl::GraceOver() {
  for (auto& loop : loops_) {
    loop->executor->Post([loop = loop.get()] {
      if (loop->workflows) loop->workflows->AbandonLocal();
    });
  }
}

// A client may still hold a slot and give its task to any loop, and tells nobody when it is done.
bool WorkerImpl::EagerIsOver(Loop* loop) {
  if (loop->is_eager_over) return true;
  auto check = [this, loop] { CheckLoop(loop); };
  if (!eager_->idle()) {
    loop->again = loop->executor->PostAfter(std::chrono::milliseconds(10), check);
  } else {
    // The last task may have been posted just now: once more, behind it.
    loop->is_eager_over = true;
    loop->executor->Post(check);
  }
  return false;
}

void WorkerImpl::CheckLoop(Loop* loop) {
  if (!loop->is_stopping || loop->is_ended) return;
  if (loop->workflows) {
    if (!loop->workflows->idle() || loop->rpc->open_calls() > 0) return;
    if (!EagerIsOver(loop)) return;
    loop->workflows->Finish();
  }
  loop->is_ended = true;
  loops_[0]->executor->Post([this] {
    ++loops_ended_;
    CheckAll();
  });
}

void WorkerImpl::CheckAll() {
  if (!is_stopping_ || is_ended_ || loops_ended_ < static_cast<std::int64_t>(loops_.size())) return;
  if (activity_worker_ && !activity_worker_->idle()) return;
  if (control_rpc_->open_calls() > 0 || activity_rpc_->open_calls() > 0) return;
  is_ended_ = true;
  poll_timer_.reset();
  grace_timer_.reset();
  local_grace_timer_.reset();
  worker::Log(host_, LogLevel::info, "worker stopped", {{"task_queue", options_.task_queue}});
  stopped_->Set();
}

void WorkerImpl::MakeEager() {
  eager_ = std::make_unique<worker::EagerStarts>(
      workflow_slots_.get(), options_.task_queue,
      [this](worker::EagerStarts::Task task, worker::Slot slot) {
        const std::size_t hash = std::hash<std::string>()(task.workflow_execution().run_id());
        Loop* loop = loops_[hash % loops_.size()].get();
        loop->executor->Post([loop, task = std::move(task), slot = std::move(slot)]() mutable {
          loop->workflows->Offer(std::move(task), std::move(slot));
        });
      });
}

}  // namespace perdure::detail
