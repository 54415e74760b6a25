// The SDK's transport to the engine in the same process.
//
// Calls have no time limit of their own: when nothing can happen any more while somebody waits for
// one, it fails with FAILED_PRECONDITION and says so. What is called back runs on the thread that
// drives (testing/virtual_time.h). Thread-safe: an activity's thread may have a client too.
#pragma once

#include <memory>
#include <string>

#include "services/rpc_handler.h"
#include "worker-sdk/client/transport.h"
#include "worker-sdk/testing/virtual_time.h"

namespace perdure::testing {

class VirtualExecutor final : public client::Executor {
 public:
  explicit VirtualExecutor(VirtualTime& time) : time_(time) {}
  void Post(Task task) override { time_.Post(std::move(task)); }
  std::unique_ptr<Timer> PostAfter(client::Nanos delay, Task task) override;
  client::Nanos Monotonic() const override { return client::Nanos(absl::ToUnixNanos(time_.Now())); }
  Timestamp WallClock() const override {
    return Timestamp(client::Nanos(absl::ToUnixNanos(time_.Now())));
  }

 private:
  VirtualTime& time_;
};

class EngineTransport final : public client::Transport {
 public:
  // Both are shared with the environment: a client may outlive it, and then finds nobody there.
  EngineTransport(std::shared_ptr<VirtualTime> time, std::shared_ptr<services::RpcHandler*> engine);

  std::unique_ptr<Call> Start(std::string_view method, const google::protobuf::Message& request,
                              google::protobuf::Message* response,
                              const client::CallOptions& options, client::Executor* executor,
                              Done done) override;
  client::Executor* executor() override { return &executor_; }
  std::unique_ptr<client::Executor> NewExecutor(std::string_view name) override;
  std::shared_ptr<Event> NewEvent() override;
  std::shared_ptr<void> HoldTime() override {
    // Its holder may outlive the environment.
    using Held = std::pair<std::shared_ptr<VirtualTime>, std::shared_ptr<void>>;
    return std::make_shared<Held>(time_, time_->Hold());
  }
  void RunBlocking(absl::AnyInvocable<void()> task) override { time_->RunOutside(std::move(task)); }
  bool is_real_time() const override { return false; }
  const std::string& target() const override { return target_; }

 private:
  struct Open;
  class OpenCalls;
  class Handle;
  class DrivenEvent;

  // Of the client's own calls, not of workers' polls.
  void FailWaiting();

  const std::shared_ptr<VirtualTime> time_;
  const std::shared_ptr<services::RpcHandler*> engine_;
  const std::shared_ptr<OpenCalls> calls_;  // With handles and replies.
  VirtualExecutor executor_;
  const std::string target_ = "the test environment";
};

}  // namespace perdure::testing
