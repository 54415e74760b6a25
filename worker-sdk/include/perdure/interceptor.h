// Standing around what a worker runs: workflows, their handlers, what they start, and activities.
//
//   struct Tenant : perdure::WorkflowInterceptor {
//     perdure::task<perdure::Payloads> execute_workflow(
//         perdure::ExecuteWorkflowInput input, perdure::WorkflowInbound& next) override {
//       tenant = input.headers["tenant"];
//       perdure::Payloads result = co_await next.execute_workflow(std::move(input));
//       co_return result;
//     }
//     void start_activity(perdure::StartActivityInput& input) override {
//       input.headers["tenant"] = tenant;
//     }
//     perdure::Payload tenant;
//   };
//
// A workflow's interceptor is part of its code: it is made anew and runs again in each replay, and
// what it does must be the same each time. It may use perdure::workflow, starts nothing but what it
// would start again, and asks workflow::replaying() before it says something to the outside.
// Headers of what is started may differ between replays; nothing is compared with them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "perdure/activity.h"
#include "perdure/detail/commands.h"
#include "perdure/task.h"

namespace perdure {

// Constructors, because GCC 12 destroys aggregates twice in expressions with co_await.
struct ExecuteWorkflowInput {
  ExecuteWorkflowInput() = default;
  Payloads args;
  PayloadMap headers;
};
struct HandleSignalInput {
  HandleSignalInput() = default;
  std::string name;
  Payloads args;
  PayloadMap headers;
};
struct HandleQueryInput {
  HandleQueryInput() = default;
  std::string name;
  Payloads args;
  PayloadMap headers;
};
struct HandleUpdateInput {
  HandleUpdateInput() = default;
  std::string id;
  std::string name;
  Payloads args;
  PayloadMap headers;
};

// What comes behind an interceptor: the next one, or the workflow itself.
class WorkflowInbound {
 public:
  virtual task<Payloads> execute_workflow(ExecuteWorkflowInput input) = 0;
  virtual task<void> handle_signal(HandleSignalInput input) = 0;
  virtual Payloads handle_query(HandleQueryInput input) = 0;
  virtual void validate_update(HandleUpdateInput input) = 0;
  virtual task<Payloads> handle_update(HandleUpdateInput input) = 0;

 protected:
  ~WorkflowInbound() = default;
};

// What is about to be started, as its command will be; `seq` is not set yet.
using StartActivityInput = detail::ScheduleActivityCommand;
using StartLocalActivityInput = detail::ScheduleLocalActivityCommand;
using StartChildInput = detail::StartChildCommand;
using SignalExternalInput = detail::SignalExternalCommand;
using ContinueAsNewInput = detail::ContinueAsNewCommand;
using StartTimerInput = detail::StartTimerCommand;

// Of one run, while it is in the worker's cache; used on its thread.
class WorkflowInterceptor {
 public:
  virtual ~WorkflowInterceptor() = default;

  // ---- What comes in. `next` lives as long as the run ----
  virtual task<Payloads> execute_workflow(ExecuteWorkflowInput input, WorkflowInbound& next);
  virtual task<void> handle_signal(HandleSignalInput input, WorkflowInbound& next);
  // These two can start nothing. A refusal of an update is an exception.
  virtual Payloads handle_query(HandleQueryInput input, WorkflowInbound& next);
  virtual void validate_update(HandleUpdateInput input, WorkflowInbound& next);
  virtual task<Payloads> handle_update(HandleUpdateInput input, WorkflowInbound& next);

  // ---- What goes out: each may change what is started. An exception comes out of the call that
  // starts it ----
  virtual void start_activity(StartActivityInput&) {}
  virtual void start_local_activity(StartLocalActivityInput&) {}
  virtual void start_child(StartChildInput&) {}
  virtual void signal_external(SignalExternalInput&) {}
  virtual void continue_as_new(ContinueAsNewInput&) {}
  virtual void start_timer(StartTimerInput&) {}
};

struct ExecuteActivityInput {
  ExecuteActivityInput() = default;
  Payloads args;
  PayloadMap headers;
};
class WorkerInterceptor;

// What comes behind an interceptor of an activity: the next one, or the activity itself. A value,
// good as long as the activity runs.
class ActivityNext {
 public:
  using Interceptors = std::vector<std::shared_ptr<WorkerInterceptor>>;
  // For the worker.
  ActivityNext(const detail::ActivityDefinition* activity, const Interceptors* interceptors,
               std::size_t at)
      : activity_(activity), interceptors_(interceptors), at_(at) {}
  // Gives the result; nothing for an activity that returns nothing. Throws what the activity
  // throws.
  task<std::optional<Payload>> operator()(activity_context& context,
                                          ExecuteActivityInput input) const;

 private:
  const detail::ActivityDefinition* activity_;
  const Interceptors* interceptors_;
  std::size_t at_;
};

// Of a worker, or of several: thread-safe.
class WorkerInterceptor {
 public:
  virtual ~WorkerInterceptor() = default;
  // For a run that comes into the cache; null: none for it.
  virtual std::unique_ptr<WorkflowInterceptor> intercept_workflow() { return nullptr; }
  // Around each attempt, local ones too, where the activity runs: on its thread, or, for a
  // coroutine, on the worker's loop.
  virtual task<std::optional<Payload>> execute_activity(activity_context& context,
                                                        ExecuteActivityInput input,
                                                        ActivityNext next);
};

}  // namespace perdure
