// Calls of WorkflowService from one loop of a worker: codecs, repetition of what failed in passing,
// and the ownership of requests and responses.
//
// Loop-bound. A callback runs on the loop, never inside the call that started it, and exactly once,
// also when the call is cancelled. Rpc outlives every call: the worker waits for them before it
// ends.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "worker-sdk/client/transport.h"
#include "worker-sdk/worker/host.h"

namespace perdure::worker {

// Did the request fail before it left, for its size or in a codec? Then no repetition of it helps.
inline constexpr char kNotSentUrl[] = "perdure/not-sent";
inline bool WasNotSent(const absl::Status& status) {
  return status.GetPayload(kNotSentUrl).has_value();
}

class Rpc {
 public:
  using Done = absl::AnyInvocable<void(absl::Status)>;
  // A call under way. Dropping it lets the call go on.
  class Handle {
   public:
    virtual ~Handle() = default;
    virtual void Cancel() = 0;
  };

  Rpc(const Host* host, client::Executor* executor) : host_(host), executor_(executor) {}
  Rpc(const Rpc&) = delete;

  // One try of a request without payloads, which is not kept; the callback gets the response as it
  // came, for its payloads to be decoded where a failure of that can be answered.
  template <class Request, class Response, class Callback>
  std::shared_ptr<Handle> Once(std::string_view method, const Request& request, Nanos timeout,
                               Callback callback) {
    return Start<Response>(method, nullptr, &request, timeout, Nanos(-1), std::move(callback));
  }
  // Repeats what fails in passing until `limit` is over, by the rules of client/retry.h.
  template <class Response, class Request, class Callback>
  std::shared_ptr<Handle> Call(std::string_view method, std::unique_ptr<Request> request,
                               Callback callback, Nanos limit = std::chrono::seconds(10)) {
    const Request* raw = request.get();
    return Start<Response>(method, std::move(request), raw, std::chrono::seconds(10), limit,
                           std::move(callback));
  }

  client::Executor* executor() const { return executor_; }
  const Host& host() const { return *host_; }
  // Calls whose callback has not run yet.
  std::int64_t open_calls() const { return open_calls_; }
  // Called after the callback of a call that was the last one open.
  void OnIdle(absl::AnyInvocable<void()> idle) { on_idle_ = std::move(idle); }

 private:
  class Pending;
  template <class Response, class Callback>
  std::shared_ptr<Handle> Start(std::string_view method,
                                std::unique_ptr<google::protobuf::Message> owned,
                                const google::protobuf::Message* request, Nanos timeout,
                                Nanos limit, Callback callback) {
    auto response = std::make_unique<Response>();
    Response* raw = response.get();
    return StartErased(method, std::move(owned), request, std::move(response), timeout, limit,
                       [raw, callback = std::move(callback)](absl::Status status) mutable {
                         callback(std::move(status), *raw);
                       });
  }
  std::shared_ptr<Handle> StartErased(std::string_view method,
                                      std::unique_ptr<google::protobuf::Message> owned,
                                      const google::protobuf::Message* request,
                                      std::unique_ptr<google::protobuf::Message> response,
                                      Nanos timeout, Nanos limit, Done done);

  const Host* host_;
  client::Executor* executor_;
  std::int64_t open_calls_ = 0;
  std::uint32_t seed_ = 0;
  absl::AnyInvocable<void()> on_idle_;
};

}  // namespace perdure::worker
