#include "worker-sdk/worker/testing/fake_server.h"

namespace perdure::worker {

using client::Executor;

class FakeServer::Loop : public Executor {
 public:
  explicit Loop(FakeServer* server) : server_(server) {}
  void Post(Task task) override { server_->posted_.push_back(std::move(task)); }
  std::unique_ptr<Timer> PostAfter(Nanos delay, Task task) override {
    const TimerKey key{server_->now_ + std::max(delay, Nanos(0)), ++server_->last_timer_};
    server_->timers_.emplace(key, std::move(task));
    return std::make_unique<Handle>(server_, key);
  }
  Nanos Monotonic() const override { return server_->now_; }
  Timestamp WallClock() const override {
    return Timestamp(std::chrono::hours(24 * 365 * 50) + server_->now_);
  }

 private:
  class Handle : public Timer {
   public:
    Handle(FakeServer* server, TimerKey key) : server_(server), key_(key) {}
    ~Handle() override {
      auto node = server_->timers_.extract(key_);  // Destroyed last: it may own other timers.
    }

   private:
    FakeServer* server_;
    TimerKey key_;
  };
  FakeServer* server_;
};

class FakeServer::ForwardingLoop : public Executor {
 public:
  explicit ForwardingLoop(Executor* to) : to_(to) {}
  void Post(Task task) override { to_->Post(std::move(task)); }
  std::unique_ptr<Timer> PostAfter(Nanos delay, Task task) override {
    return to_->PostAfter(delay, std::move(task));
  }
  Nanos Monotonic() const override { return to_->Monotonic(); }
  Timestamp WallClock() const override { return to_->WallClock(); }

 private:
  Executor* to_;
};

class FakeServer::FakeEvent : public Event {
 public:
  explicit FakeEvent(FakeServer* server) : server_(server) {}
  void Set() override { is_set_ = true; }
  bool Wait(Nanos limit) override {
    const Nanos until = limit > Nanos::max() - server_->now_ ? Nanos::max() : server_->now_ + limit;
    server_->Run();
    while (!is_set_ && server_->RunNextTimer(until)) server_->Run();
    return is_set_;
  }

 private:
  FakeServer* server_;
  bool is_set_ = false;
};

class FakeServer::CallHandle : public client::Transport::Call {
 public:
  CallHandle(FakeServer* server, CallPtr call) : server_(server), call_(std::move(call)) {}
  ~CallHandle() override { Cancel(); }
  void Cancel() override {
    if (call_->is_open) server_->End(call_, absl::CancelledError("cancelled"));
  }

 private:
  FakeServer* server_;
  CallPtr call_;
};

FakeServer::FakeServer() : loop_(std::make_unique<Loop>(this)) {}

FakeServer::~FakeServer() {
  // What a test leaves open refers to objects that are gone already: it is dropped, not run.
  for (const CallPtr& call : calls_) call->is_open = false;
}

Executor* FakeServer::loop() { return loop_.get(); }

void FakeServer::Run() {
  while (!posted_.empty()) {
    Executor::Task task = std::move(posted_.front());
    posted_.pop_front();
    task();
  }
}

bool FakeServer::RunNextTimer(Nanos until) {
  Nanos due = timers_.empty() ? Nanos::max() : timers_.begin()->first.first;
  for (const CallPtr& call : calls_) {
    if (call->is_open && call->timeout < Nanos::max() - call->started) {
      due = std::min(due, call->started + call->timeout);
    }
  }
  if (due > until || due == Nanos::max()) return false;
  now_ = std::max(now_, due);
  const std::vector<CallPtr> calls = calls_;
  for (const CallPtr& call : calls) {
    if (call->is_open && call->started + call->timeout <= now_) {
      End(call, absl::DeadlineExceededError("timeout"));
    }
  }
  if (!timers_.empty() && timers_.begin()->first.first <= now_) {
    Executor::Task task = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    task();
  }
  return true;
}

void FakeServer::Advance(Nanos by) {
  const Nanos until = now_ + by;
  Run();
  while (RunNextTimer(until)) Run();
  now_ = until;
}

void FakeServer::End(const CallPtr& call, absl::Status status) {
  call->is_open = false;
  call->executor->Post([call, status = std::move(status)] {
    auto done = std::move(call->done);
    call->done = nullptr;
    if (done) done(status);
  });
}

void FakeServer::Answer(const CallPtr& call, const google::protobuf::Message& response) {
  call->response->CopyFrom(response);
  End(call, absl::OkStatus());
  Run();
}

void FakeServer::Refuse(const CallPtr& call, absl::Status status) {
  End(call, std::move(status));
  Run();
}

std::vector<FakeServer::CallPtr> FakeServer::Sent(std::string_view method) const {
  std::vector<CallPtr> found;
  for (const CallPtr& call : calls_) {
    if (call->method == method) found.push_back(call);
  }
  return found;
}

std::vector<FakeServer::CallPtr> FakeServer::Open(std::string_view method) const {
  std::vector<CallPtr> found;
  for (const CallPtr& call : calls_) {
    if (call->method == method && call->is_open) found.push_back(call);
  }
  return found;
}

void FakeServer::RunBlocked() {
  auto tasks = std::exchange(blocked_, {});
  for (auto& task : tasks) task();
  Run();
}

std::unique_ptr<client::Transport::Call> FakeServer::Start(std::string_view method,
                                                           const google::protobuf::Message& request,
                                                           google::protobuf::Message* response,
                                                           const client::CallOptions& options,
                                                           Executor* executor, Done done) {
  auto call = std::make_shared<Call>();
  call->method = std::string(method.substr(method.rfind('/') + 1));
  call->request.reset(request.New());
  call->request->CopyFrom(request);
  call->response = response;
  call->started = now_;
  call->timeout = options.timeout;
  call->executor = executor;
  call->done = std::move(done);
  calls_.push_back(call);
  const bool is_poll = call->method.starts_with("Poll");
  if (const auto handler = handlers_.find(call->method); handler != handlers_.end()) {
    End(call, handler->second(*call));
  } else if (!is_poll && !held_.contains(call->method)) {
    End(call, absl::OkStatus());
  }
  return std::make_unique<CallHandle>(this, std::move(call));
}

std::unique_ptr<Executor> FakeServer::NewExecutor(std::string_view name) {
  return std::make_unique<ForwardingLoop>(loop_.get());
}

std::shared_ptr<client::Transport::Event> FakeServer::NewEvent() {
  return std::make_shared<FakeEvent>(this);
}

void FakeServer::RunBlocking(absl::AnyInvocable<void()> task) {
  if (holds_blocking_) {
    blocked_.push_back(std::move(task));
  } else {
    loop_->Post(std::move(task));
  }
}

}  // namespace perdure::worker
