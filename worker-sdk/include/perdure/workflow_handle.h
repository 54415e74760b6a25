// A workflow as its clients hold it: signals, queries, updates, its result.
//
// Handles are values, cheap to copy, thread-safe, and keep the client's connection. All calls
// block, until a token given by with_stop() ends them; none may be made inside a workflow. Handlers
// are named by their members: h.signal<&Order::approve>("bob").
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "perdure/client_calls.h"
#include "perdure/detail/client_arguments.h"
#include "perdure/history.h"

namespace perdure {

// Options of calls; trivially copyable, so views and pointers must live until the call returns.
struct signal_options {
  const PayloadMap* headers = nullptr;
  std::string_view request_id{};
};
struct query_options {
  const PayloadMap* headers = nullptr;
  query_reject_condition reject = query_reject_condition::unspecified;
};
struct update_options {
  std::string_view id{};  // Two updates with one id are one update; empty: a random one.
  update_stage wait_for = update_stage::accepted;
  const PayloadMap* headers = nullptr;
};
struct result_options {
  // False: a run that continued as new throws WorkflowContinuedAsNewError, one that is retried its
  // own failure.
  bool follow_runs = true;
};

class UpdateHandleBase {
 public:
  UpdateHandleBase(std::shared_ptr<ClientCalls> calls, std::string workflow_id, UpdateOutput output)
      : calls_(std::move(calls)),
        workflow_id_(std::move(workflow_id)),
        output_(std::move(output)) {}
  const std::string& id() const { return output_.update_id; }
  const std::string& workflow_id() const { return workflow_id_; }
  const std::string& run_id() const { return output_.run_id; }

 protected:
  // Waits for the outcome; throws UpdateFailedError.
  Payloads outcome() const;
  void stop_with(std::stop_token stop) { calls_ = calls_->with_stop(std::move(stop)); }

 private:
  std::shared_ptr<ClientCalls> calls_;  // Shared with the client and its handles.
  std::string workflow_id_;
  UpdateOutput output_;
};

template <class R>
class UpdateHandle : public UpdateHandleBase {
 public:
  using UpdateHandleBase::UpdateHandleBase;
  // Waits, however long. Throws UpdateFailedError; WorkflowNotFoundError if the workflow closed
  // before.
  R result() const { return detail::decode_result<R>(outcome()); }
  // As Client::with_stop. The update goes on.
  UpdateHandle with_stop(std::stop_token stop) const {
    UpdateHandle handle = *this;
    handle.stop_with(std::move(stop));
    return handle;
  }
};

// What needs no types.
class WorkflowHandleBase {
 public:
  // `run_id`: the run that is meant, empty for the latest. `result_run_id`: where result() begins.
  WorkflowHandleBase(std::shared_ptr<ClientCalls> calls, RunTarget target,
                     std::string result_run_id)
      : calls_(std::move(calls)),
        target_(std::move(target)),
        result_run_id_(std::move(result_run_id)) {}

  const std::string& id() const { return target_.workflow_id; }
  // Of the run that was started or asked for; empty: the latest.
  const std::string& run_id() const { return result_run_id_; }

  void cancel(std::string_view reason = {}) const;
  void terminate(std::string_view reason = {}) const { terminate_with(reason, {}); }
  template <class... A>
  void terminate(std::string_view reason, const A&... details) const {
    terminate_with(reason, detail::encode_untyped(details...));
  }
  WorkflowDescription describe() const;
  History fetch_history() const;

  template <class... A>
  void signal_by_name(std::string_view name, const A&... arguments) const {
    send_signal(name, detail::encode_untyped_inputs(arguments...), {});
  }
  template <class R, class... A>
  R query_by_name(std::string_view name, const A&... arguments) const {
    return detail::decode_result<R>(
        send_query(name, detail::encode_untyped_inputs(arguments...), {}));
  }
  template <class R, class... A>
  R update_by_name(std::string_view name, const A&... arguments) const {
    return start_update_by_name<R>({.wait_for = update_stage::completed}, name, arguments...)
        .result();
  }
  template <class R, class... A>
  UpdateHandle<R> start_update_by_name(const update_options& options, std::string_view name,
                                       const A&... arguments) const {
    return {calls_, id(), send_update(name, detail::encode_untyped_inputs(arguments...), options)};
  }

  // An update that was started elsewhere; R is what its handler returns.
  template <class R>
  UpdateHandle<R> update_handle_by_name(std::string_view update_id) const {
    return {calls_, id(), UpdateOutput{.run_id = {}, .update_id = std::string(update_id)}};
  }

 protected:
  void send_signal(std::string_view name, Payloads arguments, const signal_options& options) const;
  Payloads send_query(std::string_view name, Payloads arguments,
                      const query_options& options) const;
  UpdateOutput send_update(std::string_view name, Payloads arguments,
                           const update_options& options) const;
  Payloads wait_for_result(const result_options& options) const;
  void terminate_with(std::string_view reason, Payloads details) const;
  const std::shared_ptr<ClientCalls>& calls() const { return calls_; }
  void stop_with(std::stop_token stop) { calls_ = calls_->with_stop(std::move(stop)); }

 private:
  std::shared_ptr<ClientCalls> calls_;  // Shared with the client and its other handles.
  RunTarget target_;
  std::string result_run_id_;
};

// W is the workflow's class (void where it is known by name only), R what its run returns.
template <class W, class R>
class WorkflowHandle : public WorkflowHandleBase {
 public:
  using WorkflowHandleBase::WorkflowHandleBase;

  // As Client::with_stop: h.with_stop(stop).result(). The workflow goes on.
  WorkflowHandle with_stop(std::stop_token stop) const {
    WorkflowHandle handle = *this;
    handle.stop_with(std::move(stop));
    return handle;
  }

  // Waits, however long, through retries, cron and continue-as-new. Throws WorkflowFailedError.
  R result(const result_options& options = {}) const {
    return detail::decode_result<R>(wait_for_result(options));
  }

  template <auto Member, class... A>
  void signal(A&&... arguments) const {
    signal_with<Member>({}, std::forward<A>(arguments)...);
  }
  template <auto Member, class... A>
  void signal_with(const signal_options& options, A&&... arguments) const {
    send_signal(detail::handler_name<W, Member>(),
                detail::encode_arguments<Member>(std::forward<A>(arguments)...), options);
  }

  // Throws QueryFailedError.
  template <auto Member, class... A>
  detail::result_of<Member> query(A&&... arguments) const {
    return query_with<Member>({}, std::forward<A>(arguments)...);
  }
  // Throws QueryRejectedError, too.
  template <auto Member, class... A>
  detail::result_of<Member> query_with(const query_options& options, A&&... arguments) const {
    return detail::decode_result<detail::result_of<Member>>(
        send_query(detail::handler_name<W, Member>(),
                   detail::encode_arguments<Member>(std::forward<A>(arguments)...), options));
  }

  // Waits for the update's result. Throws UpdateFailedError.
  template <auto Member, class... A>
  detail::result_of<Member> update(A&&... arguments) const {
    return start_update_with<Member>({.wait_for = update_stage::completed},
                                     std::forward<A>(arguments)...)
        .result();
  }
  // Waits until the update is accepted or completed; a rejected one throws from the handle's
  // result().
  template <auto Member, class... A>
  UpdateHandle<detail::result_of<Member>> start_update(update_stage stage, A&&... arguments) const {
    return start_update_with<Member>({.wait_for = stage}, std::forward<A>(arguments)...);
  }
  template <auto Member, class... A>
  UpdateHandle<detail::result_of<Member>> start_update_with(const update_options& options,
                                                            A&&... arguments) const {
    return {calls(), id(),
            send_update(detail::handler_name<W, Member>(),
                        detail::encode_arguments<Member>(std::forward<A>(arguments)...), options)};
  }
  // An update that was started elsewhere.
  template <auto Member>
  UpdateHandle<detail::result_of<Member>> update_handle(std::string_view update_id) const {
    return update_handle_by_name<detail::result_of<Member>>(update_id);
  }
};

}  // namespace perdure
