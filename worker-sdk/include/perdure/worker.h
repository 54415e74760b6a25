// A worker: asks a task queue for work and runs workflows and activities.
//
//   auto client = perdure::Client::connect({.target = "127.0.0.1:7233"});
//   perdure::Worker worker(client, {.task_queue = "hello"});
//   worker.workflow<Greeting>();
//   worker.activity<&greet>();
//   worker.run_until_signal();
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "perdure/activity.h"
#include "perdure/detail/function.h"
#include "perdure/detail/program.h"
#include "perdure/worker_options.h"

namespace perdure {

class Client;

namespace detail {

// Of a workflow class; perdure/workflow.h has the definition.
template <class W>
WorkflowDefinition definition_of();
class WorkerImpl;

}  // namespace detail

// A worker of one task queue. Register everything first, then run it once. Not copied or moved; the
// client may be destroyed before it. Registering throws an Error for a name that is taken and once
// the worker runs.
class Worker {
 public:
  Worker(const Client& client, WorkerOptions options);
  // With what stands in for a client: perdure/testing.h.
  explicit Worker(std::unique_ptr<detail::WorkerImpl> impl);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  // Stops it, if it runs, and waits for that.
  ~Worker();

  // A workflow class, under the name in its `handlers`.
  template <class W>
  Worker& workflow() {
    return add_workflow(detail::definition_of<W>());
  }
  // Runs workflows whose type is not registered.
  template <class W>
  Worker& dynamic_workflow() {
    detail::WorkflowDefinition definition = detail::definition_of<W>();
    definition.type.clear();
    return add_workflow(std::move(definition));
  }
  // A function, under its own name (without namespaces) or under the one given.
  template <auto F>
  Worker& activity(std::string_view name = detail::name_of<F>) {
    return add_activity(detail::activity_definition<F>(name));
  }
  // A member function on this object, which outlives the worker; its calls come from several
  // threads at once.
  template <auto F>
  Worker& activity(detail::owner_of<F>& object, std::string_view name = detail::name_of<F>) {
    return add_activity(detail::activity_definition<F>(object, name));
  }
  template <auto F>
    requires detail::traits_of<F>::is_const
  Worker& activity(const detail::owner_of<F>& object, std::string_view name = detail::name_of<F>) {
    return add_activity(detail::activity_definition<F>(object, name));
  }
  // Runs activities whose type is not registered.
  using DynamicActivity = std::function<std::optional<Payload>(
      activity_context&, std::string_view type, const Payloads& input)>;
  Worker& dynamic_activity(DynamicActivity function);

  Worker& add_workflow(detail::WorkflowDefinition definition);
  Worker& add_activity(detail::ActivityDefinition definition);

  // Works until it is asked to stop, before it has begun too, and everything in hand is finished.
  // Throws an Error when the server refuses the worker for good, for instance because there is no
  // such namespace.
  void run(std::stop_token token = {});
  // The same, and SIGINT and SIGTERM stop it too. One worker of a program at a time can do this.
  void run_until_signal();
  // Begins to work and returns; throws like run().
  void start();
  // Finishes: no new work, local activities and workflow tasks to their end, activities too,
  // cancelled after WorkerOptions::shutdown_grace. Waits for it. May be called from any thread, not
  // from an activity. Throws the Error of a worker that the server has refused meanwhile.
  void stop();
  // Asks for the same and returns at once; from any thread, at any time: a worker that was asked
  // before it began does not begin.
  void request_stop();

  const WorkerOptions& options() const;
  // The inside, for the test environment and for clients that hand over eager tasks.
  detail::WorkerImpl* impl() { return impl_.get(); }

 private:
  std::unique_ptr<detail::WorkerImpl> impl_;
};

}  // namespace perdure
