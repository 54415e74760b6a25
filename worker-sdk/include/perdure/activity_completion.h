// Completes an activity from outside its worker: one that returned with "complete later".
#pragma once

#include <exception>
#include <memory>
#include <stop_token>
#include <string_view>
#include <utility>

#include "perdure/client_calls.h"
#include "perdure/detail/client_arguments.h"

namespace perdure {

// A value, thread-safe. Calls block and throw RpcError; WorkflowNotFoundError or RpcError (not
// found) where the activity has ended already.
class ActivityHandle {
 public:
  ActivityHandle(std::shared_ptr<ClientCalls> calls, ActivityTarget target)
      : calls_(std::move(calls)), target_(std::move(target)) {}

  // As Client::with_stop.
  ActivityHandle with_stop(std::stop_token stop) const {
    return {calls_->with_stop(std::move(stop)), target_};
  }

  void complete() { send_complete({}); }
  template <class T>
  void complete(const T& result) {
    send_complete(detail::encode_untyped_inputs(result));
  }
  // With what a C++ activity would have thrown: fail(ApplicationError("no such account")).
  template <class E>
    requires std::is_base_of_v<std::exception, E>
  void fail(const E& error) {
    fail(std::make_exception_ptr(error));
  }
  void fail(const std::exception_ptr& error) { send_fail(error); }
  // That it stopped because it was asked to.
  template <class... A>
  void report_canceled(const A&... details) {
    send_canceled(detail::encode_untyped(details...));
  }
  // Tells whether it was canceled, paused or reset.
  template <class... A>
  ActivityHeartbeatOutput heartbeat(const A&... details) {
    return send_heartbeat(detail::encode_untyped(details...));
  }

 private:
  void send_complete(Payloads result);
  void send_fail(const std::exception_ptr& error);
  void send_canceled(Payloads details);
  ActivityHeartbeatOutput send_heartbeat(Payloads details);

  std::shared_ptr<ClientCalls> calls_;  // Shared with the client and its handles.
  ActivityTarget target_;
};

}  // namespace perdure
