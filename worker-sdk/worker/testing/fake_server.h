// A transport whose server is the test: one thread, virtual time, every call in the test's hands.
//
// Polls stay open until they are answered, cancelled or over their timeout; other calls are
// answered OK and empty at once, unless the method is held or has a handler.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "worker-sdk/client/transport.h"

namespace perdure::worker {

using client::Nanos;

class FakeServer : public client::Transport {
 public:
  struct Call {
    std::string method;
    std::unique_ptr<google::protobuf::Message> request;
    google::protobuf::Message* response = nullptr;
    Nanos started{}, timeout{};
    Done done;
    client::Executor* executor = nullptr;
    bool is_open = true;

    template <class Request>
    const Request& as() const {
      return static_cast<const Request&>(*request);
    }
  };
  using CallPtr = std::shared_ptr<Call>;
  // Fills the response; the status goes back with it.
  using Handler = std::function<absl::Status(Call&)>;

  FakeServer();
  ~FakeServer() override;

  // ---- The test's side.
  client::Executor* loop();
  // Runs all that is posted, and what that posts.
  void Run();
  // Moves time on, timer by timer, running all that falls due.
  void Advance(Nanos by);
  Nanos now() const { return now_; }
  void Hold(const std::string& method) { held_.insert(method); }
  void On(const std::string& method, Handler handler) { handlers_[method] = std::move(handler); }
  void Answer(const CallPtr& call, const google::protobuf::Message& response);
  void Refuse(const CallPtr& call, absl::Status status);
  // All calls of a method so far, and those without an answer.
  std::vector<CallPtr> Sent(std::string_view method) const;
  std::vector<CallPtr> Open(std::string_view method) const;
  // Blocking tasks wait for RunBlocked instead of being run in turn.
  void HoldBlocking() { holds_blocking_ = true; }
  void RunBlocked();
  std::size_t blocked() const { return blocked_.size(); }

  // ---- Transport.
  std::unique_ptr<client::Transport::Call> Start(std::string_view method,
                                                 const google::protobuf::Message& request,
                                                 google::protobuf::Message* response,
                                                 const client::CallOptions& options,
                                                 client::Executor* executor, Done done) override;
  client::Executor* executor() override { return loop(); }
  std::unique_ptr<client::Executor> NewExecutor(std::string_view name) override;
  std::shared_ptr<Event> NewEvent() override;
  void RunBlocking(absl::AnyInvocable<void()> task) override;
  const std::string& target() const override { return target_; }

 private:
  class Loop;
  class ForwardingLoop;
  class FakeEvent;
  class CallHandle;
  using TimerKey = std::pair<Nanos, std::int64_t>;

  bool RunNextTimer(Nanos until);
  void End(const CallPtr& call, absl::Status status);

  std::unique_ptr<Loop> loop_;
  const std::string target_ = "fake:7233";
  Nanos now_{};
  std::deque<client::Executor::Task> posted_;
  std::map<TimerKey, client::Executor::Task> timers_;
  std::int64_t last_timer_ = 0;
  std::vector<CallPtr> calls_;
  std::set<std::string> held_;
  std::map<std::string, Handler> handlers_;
  bool holds_blocking_ = false;
  std::deque<absl::AnyInvocable<void()>> blocked_;
};

}  // namespace perdure::worker
