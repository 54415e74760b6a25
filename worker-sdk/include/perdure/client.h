// The client: starts workflows, talks to them, and finds them.
//
//   auto client = perdure::Client::connect({.target = "127.0.0.1:7233"});
//   auto h = client.start<&Greeting::run>({.id = "hello-1", .task_queue = "q"}, "Ann");
//   std::string text = h.result();
//
// A Client is a value, cheap to copy and thread-safe; its copies, handles and workers share one
// connection, which ends with the last of them. All calls block and throw perdure/client_errors.h;
// they are made again for ten seconds where the server is away. with_stop() lets another thread end
// them. None may be made inside a workflow.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "perdure/activity_completion.h"
#include "perdure/client_calls.h"
#include "perdure/client_options.h"
#include "perdure/detail/client_arguments.h"
#include "perdure/workflow_handle.h"
#include "perdure/workflow_list.h"

namespace perdure {

namespace client {
class Connection;
}
class ScheduleClient;
class RawClient;

namespace detail {
StartInput start_input(std::string_view type, const start_options& options, Payloads arguments);
}

template <class W, class R, class U>
struct StartedWithUpdate {
  WorkflowHandle<W, R> workflow;
  UpdateHandle<U> update;
};

template <auto Run>
using handle_of = WorkflowHandle<detail::owner_of<Run>, detail::result_of<Run>>;

class Client {
 public:
  // With ClientOptions::from_environment(). Throws ConfigError.
  static Client connect();
  // Throws ConnectError; with `lazy` only for options that make no connection.
  static Client connect(ClientOptions options);
  // For environments of tests: over any transport.
  Client(std::shared_ptr<client::Connection> connection,
         std::vector<std::shared_ptr<ClientInterceptor>> interceptors);

  const std::string& namespace_() const;
  const std::string& identity() const;
  const std::string& target() const;

  // This client with calls that another thread can end; they throw CallCanceledError as soon as
  // `stop` is requested, also while they wait for an answer or for their next attempt, and are not
  // sent if it was before. What the server did until then is unknown and stays done: only the
  // waiting ends. So do the calls of all that is made from it (handles, lists, schedules, raw),
  // each of which may be given another token. A payload codec that is at work is not interrupted.
  //   std::jthread waiter([=](std::stop_token stop) {
  //     show(client.with_stop(stop).execute<&Greeting::run>(options, "Ann"));
  //   });
  Client with_stop(std::stop_token stop) const;

  // Returns when the server has taken the start. Throws WorkflowAlreadyStartedError.
  template <auto Run, class... A>
  handle_of<Run> start(const start_options& options, A&&... arguments) const {
    return started<handle_of<Run>>(
        detail::start_input(detail::workflow_name<Run>(), options,
                            detail::encode_arguments<Run>(std::forward<A>(arguments)...)));
  }
  // Starts it and waits for its result.
  template <auto Run, class... A>
  detail::result_of<Run> execute(const start_options& options, A&&... arguments) const {
    return start<Run>(options, std::forward<A>(arguments)...).result();
  }
  // A workflow of another language, or known at run time only.
  template <class R, class... A>
  WorkflowHandle<void, R> start_by_name(std::string_view type, const start_options& options,
                                        const A&... arguments) const {
    return started<WorkflowHandle<void, R>>(
        detail::start_input(type, options, detail::encode_untyped_inputs(arguments...)));
  }
  template <class R, class... A>
  R execute_by_name(std::string_view type, const start_options& options,
                    const A&... arguments) const {
    return start_by_name<R>(type, options, arguments...).result();
  }

  // Signals the workflow, and starts it first where it does not run:
  //   client.signal_with_start<&Order::run, &Order::add>(options, args("id-1"), args(4));
  template <auto Run, auto Signal, class... A, class... S>
  handle_of<Run> signal_with_start(const start_options& options, std::tuple<A...> arguments,
                                   std::tuple<S...> signal_arguments) const {
    return signal_started<handle_of<Run>>(
        {.start =
             detail::start_input(detail::workflow_name<Run>(), options, encode<Run>(arguments)),
         .signal_name = std::string(detail::handler_name<detail::owner_of<Run>, Signal>()),
         .signal_args = encode<Signal>(signal_arguments)});
  }
  // The same with an update; needs an id_conflict_policy in the options.
  template <auto Run, auto Update, class... A, class... U>
  StartedWithUpdate<detail::owner_of<Run>, detail::result_of<Run>, detail::result_of<Update>>
  update_with_start(const start_options& options, const update_options& waiting,
                    std::tuple<A...> arguments, std::tuple<U...> update_arguments) const {
    return updated<StartedWithUpdate<detail::owner_of<Run>, detail::result_of<Run>,
                                     detail::result_of<Update>>>(
        update_start_input(
            detail::start_input(detail::workflow_name<Run>(), options, encode<Run>(arguments)),
            detail::handler_name<detail::owner_of<Run>, Update>(), encode<Update>(update_arguments),
            waiting));
  }

  // Both for workflows and handlers known by name only, with any arguments:
  //   client.signal_with_start_by_name<int>("Order", "add", options, args("id-1"), args(4));
  template <class R, class... A, class... S>
  WorkflowHandle<void, R> signal_with_start_by_name(std::string_view type, std::string_view signal,
                                                    const start_options& options,
                                                    std::tuple<A...> arguments,
                                                    std::tuple<S...> signal_arguments) const {
    return signal_started<WorkflowHandle<void, R>>(
        {.start = detail::start_input(type, options, detail::encode_untyped_inputs_of(arguments)),
         .signal_name = std::string(signal),
         .signal_args = detail::encode_untyped_inputs_of(signal_arguments)});
  }
  // R is what the workflow returns, U what the update does.
  template <class R, class U, class... A, class... V>
  StartedWithUpdate<void, R, U> update_with_start_by_name(std::string_view type,
                                                          std::string_view update,
                                                          const start_options& options,
                                                          const update_options& waiting,
                                                          std::tuple<A...> arguments,
                                                          std::tuple<V...> update_arguments) const {
    return updated<StartedWithUpdate<void, R, U>>(update_start_input(
        detail::start_input(type, options, detail::encode_untyped_inputs_of(arguments)), update,
        detail::encode_untyped_inputs_of(update_arguments), waiting));
  }

  // A workflow that was started elsewhere. Asks the server nothing.
  template <auto Run>
  handle_of<Run> handle(std::string_view id, std::string_view run_id = {}) const {
    return {calls_, target_of(id, run_id), std::string(run_id)};
  }
  template <class R = Payload>
  WorkflowHandle<void, R> handle_by_name(std::string_view id, std::string_view run_id = {}) const {
    return {calls_, target_of(id, run_id), std::string(run_id)};
  }

  // Runs that fit a query of search attributes (empty: all), newest first; fetched a page at a time
  // as it is iterated over: for (const WorkflowExecution& run : client.list("WorkflowType =
  // 'Order'")) ... .
  WorkflowList list(std::string_view query = {}, std::int32_t page_size = 0) const;
  WorkflowCount count(std::string_view query = {}) const;

  // Activities that return before they are done, and are completed from here.
  ActivityHandle activity(std::string_view task_token) const;
  ActivityHandle activity(std::string_view workflow_id, std::string_view run_id,
                          std::string_view activity_id) const;

  ScheduleClient schedules() const;  // Include perdure/schedule.h.
  RawClient raw() const;             // Include perdure/raw.h.

  // For the SDK's own parts.
  const std::shared_ptr<client::Connection>& connection() const { return connection_; }

 private:
  template <auto F, class... A>
  static Payloads encode(std::tuple<A...>& arguments) {
    return std::apply(
        [](auto&... values) { return detail::encode_arguments<F>(static_cast<A&&>(values)...); },
        arguments);
  }
  template <class Handle>
  Handle handle_from(const std::string& id, const std::string& run_id) const {
    // Signals and queries go to the latest run; cancel and terminate only to one of this chain.
    return Handle(calls_, RunTarget{.workflow_id = id, .run_id = {}, .first_run_id = run_id},
                  run_id);
  }
  template <class Handle>
  Handle started(StartInput input) const {
    const StartOutput output = calls_->start_workflow(input);
    return handle_from<Handle>(input.workflow_id, output.run_id);
  }
  template <class Handle>
  Handle signal_started(SignalWithStartInput input) const {
    const StartOutput output = calls_->signal_with_start(input);
    return handle_from<Handle>(input.start.workflow_id, output.run_id);
  }
  template <class Both>
  Both updated(UpdateWithStartInput input) const {
    UpdateWithStartOutput output = calls_->update_with_start(input);
    return {handle_from<decltype(Both::workflow)>(input.start.workflow_id, output.start.run_id),
            {calls_, input.start.workflow_id, std::move(output.update)}};
  }
  static UpdateWithStartInput update_start_input(StartInput start, std::string_view name,
                                                 Payloads arguments, const update_options& options);
  static RunTarget target_of(std::string_view id, std::string_view run_id);

  std::shared_ptr<client::Connection> connection_;  // Shared with copies, handles and workers.
  std::shared_ptr<ClientCalls> calls_;              // The interceptors and the server behind them.
};

}  // namespace perdure
