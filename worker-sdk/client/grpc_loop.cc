#include "worker-sdk/client/grpc_loop.h"

#include <pthread.h>

#include <future>

#include "grpc/support/time.h"

namespace perdure::client {

// Entries are added and run on the loop only; a handle may be dropped on any thread, and then only
// marks the entry. The mutex is therefore almost never waited for.
struct GrpcLoop::Timers {
  using Key = std::pair<Nanos, std::uint64_t>;

  std::mutex mutex;
  std::map<Key, Task> entries;
  std::uint64_t next_id = 0;
};

class GrpcLoop::TimerHandle final : public Executor::Timer {
 public:
  TimerHandle(std::shared_ptr<Timers> timers, Timers::Key key)
      : timers_(std::move(timers)), key_(key) {}
  ~TimerHandle() override {
    Task dropped;  // Destroyed after the lock: it may own other timers.
    const std::lock_guard lock(timers_->mutex);
    const auto entry = timers_->entries.find(key_);
    if (entry == timers_->entries.end()) return;
    dropped = std::move(entry->second);
    timers_->entries.erase(entry);
  }

 private:
  const std::shared_ptr<Timers> timers_;
  const Timers::Key key_;
};

GrpcLoop::GrpcLoop(std::string_view name) : timers_(std::make_shared<Timers>()) {
  std::promise<void> started;
  thread_ = std::thread([this, &started, text = std::string(name)] {
    thread_id_ = std::this_thread::get_id();
    started.set_value();
    Run(text);
  });
  started.get_future().wait();
}

GrpcLoop::~GrpcLoop() {
  is_stopping_ = true;
  Post([] {});
  thread_.join();
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
  std::map<Timers::Key, Task> dropped;
  const std::lock_guard lock(timers_->mutex);
  dropped.swap(timers_->entries);
}

void GrpcLoop::Post(Task task) {
  const std::lock_guard lock(mutex_);
  posted_.push_back(std::move(task));
  if (wait_ == Wait::kCondition) changed_.notify_one();
  if (wait_ != Wait::kQueue || is_waking_) return;
  is_waking_ = true;
  // An alarm in the past completes at once; under the lock, because an alarm is not thread-safe.
  wake_.Set(&queue_, gpr_inf_past(GPR_CLOCK_MONOTONIC), nullptr);
}

std::unique_ptr<Executor::Timer> GrpcLoop::PostAfter(Nanos delay, Task task) {
  const Nanos due = Monotonic() + std::max(delay, Nanos(0));
  Timers::Key key;
  {
    const std::lock_guard lock(timers_->mutex);
    key = {due, timers_->next_id++};
    timers_->entries.emplace(key, std::move(task));
  }
  // From another thread, the loop may be waiting for a later moment.
  if (!IsLoopThread()) Post([] {});
  return std::make_unique<TimerHandle>(timers_, key);
}

Nanos GrpcLoop::Monotonic() const { return std::chrono::steady_clock::now().time_since_epoch(); }

Timestamp GrpcLoop::WallClock() const {
  return std::chrono::time_point_cast<Nanos>(std::chrono::system_clock::now());
}

bool GrpcLoop::RunPosted() {
  {
    const std::lock_guard lock(mutex_);
    if (posted_.empty()) return false;
    running_.swap(posted_);
  }
  for (Task& task : running_) {
    std::move(task)();
    task = nullptr;  // What it held goes before the next one runs.
  }
  running_.clear();
  return true;
}

bool GrpcLoop::RunTimers() {
  bool any = false;
  const Nanos now = Monotonic();
  for (;;) {
    Task task;
    {
      const std::lock_guard lock(timers_->mutex);
      const auto first = timers_->entries.begin();
      if (first == timers_->entries.end() || first->first.first > now) return any;
      task = std::move(first->second);
      timers_->entries.erase(first);
    }
    any = true;
    std::move(task)();
  }
}

std::optional<Nanos> GrpcLoop::NextDue() const {
  const std::lock_guard lock(timers_->mutex);
  if (timers_->entries.empty()) return std::nullopt;
  return timers_->entries.begin()->first.first;
}

void GrpcLoop::BeginCall() {
  calls_.fetch_add(1);
  if (IsLoopThread()) return;
  const std::lock_guard lock(mutex_);
  if (wait_ == Wait::kCondition) changed_.notify_one();
}

void GrpcLoop::WaitForWork() {
  const std::optional<Nanos> due = NextDue();
  {
    std::unique_lock lock(mutex_);
    if (!posted_.empty()) return;
    if (calls_ == 0 && !is_waking_) {
      wait_ = Wait::kCondition;
      const auto has_work = [this] { return !posted_.empty() || calls_ > 0; };
      if (due) {
        changed_.wait_until(lock, std::chrono::steady_clock::time_point(*due), has_work);
      } else {
        changed_.wait(lock, has_work);
      }
      wait_ = Wait::kNone;
      return;
    }
    wait_ = Wait::kQueue;
  }
  WaitOnQueue(due);
}

void GrpcLoop::WaitOnQueue(std::optional<Nanos> due) {
  gpr_timespec deadline = gpr_inf_future(GPR_CLOCK_MONOTONIC);
  if (due) {
    const Nanos delay = std::max(*due - Monotonic(), Nanos(0));
    deadline = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                            gpr_time_from_nanos(delay.count(), GPR_TIMESPAN));
  }
  void* tag = nullptr;
  bool ok = false;
  const grpc::CompletionQueue::NextStatus status = queue_.AsyncNext(&tag, &ok, deadline);
  {
    const std::lock_guard lock(mutex_);
    wait_ = Wait::kNone;
    if (status == grpc::CompletionQueue::GOT_EVENT && tag == nullptr) is_waking_ = false;
  }
  if (status == grpc::CompletionQueue::GOT_EVENT && tag != nullptr) {
    static_cast<Tag*>(tag)->Complete(ok);
  }
}

void GrpcLoop::Run(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
  for (;;) {
    bool has_more = RunPosted();
    has_more |= RunTimers();
    if (is_stopping_ && !has_more && calls_ == 0) {
      const std::lock_guard lock(mutex_);
      if (posted_.empty()) return;
    }
    if (!has_more) {
      WaitForWork();
    } else if (calls_ > 0) {
      WaitOnQueue(Nanos(0));  // What has been answered gets its turn between posts.
    }
  }
}

}  // namespace perdure::client
