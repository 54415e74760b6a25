#include "worker-sdk/worker/coroutine_run.h"

#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <utility>

namespace perdure {
namespace worker {
namespace {

class LoopTimer final : public detail::ActivityLoop::Timer {
 public:
  explicit LoopTimer(std::unique_ptr<client::Executor::Timer> timer) : timer_(std::move(timer)) {}

 private:
  std::unique_ptr<client::Executor::Timer> timer_;
};

}  // namespace

void CoroutineRun::Start(Work work, absl::AnyInvocable<void(Work&)> ended) {
  ended_ = std::move(ended);
  work_.emplace(std::move(work));
  self_ = shared_from_this();
  GoOn(work_->frame_for_sdk());
}

void CoroutineRun::GoOn(std::coroutine_handle<> frame) {
  around_([&] { Resume(frame); });
  if (!work_->frame_for_sdk().done()) return;
  const std::shared_ptr<CoroutineRun> self = std::move(self_);
  ended_(*work_);
  ended_ = nullptr;
  work_.reset();
}

void CoroutineRun::Post(std::coroutine_handle<> frame) {
  executor_->Post([self = shared_from_this(), frame] { self->GoOn(frame); });
}

std::unique_ptr<detail::ActivityLoop::Timer> CoroutineRun::PostAfter(std::chrono::nanoseconds delay,
                                                                     std::function<void()> then) {
  return std::make_unique<LoopTimer>(executor_->PostAfter(delay, std::move(then)));
}

std::shared_ptr<detail::ActivityLoop> CoroutineRun::Share(bool is_elsewhere) {
  if (!is_elsewhere) return shared_from_this();
  struct Held {
    std::shared_ptr<CoroutineRun> run;
    std::shared_ptr<void> time;
  };
  auto held = std::make_shared<Held>(Held{shared_from_this(), transport_->HoldTime()});
  return {held, held->run.get()};
}

}  // namespace worker

namespace detail {
namespace {

// The calling thread as an activity's loop.
class ThreadLoop final : public ActivityLoop, public std::enable_shared_from_this<ThreadLoop> {
 public:
  using Clock = std::chrono::steady_clock;
  using ActivityLoop::ActivityLoop;

  void Run(std::coroutine_handle<> root) {
    Resume(root);
    while (!root.done()) {
      if (const std::coroutine_handle<> frame = Next()) Resume(frame);
    }
  }
  void Post(std::coroutine_handle<> frame) override {
    const std::lock_guard lock(mutex_);
    ready_.push_back(frame);
    changed_.notify_one();
  }
  std::unique_ptr<Timer> PostAfter(std::chrono::nanoseconds delay,
                                   std::function<void()> then) override {
    alarms_.push_back({Clock::now() + delay, std::move(then)});
    return std::make_unique<Alarm>(&alarms_, std::prev(alarms_.end()));
  }
  std::shared_ptr<ActivityLoop> Share(bool) override { return shared_from_this(); }
  bool has_own_thread() const override { return true; }

 private:
  struct At {
    Clock::time_point when;
    std::function<void()> then;
  };
  class Alarm final : public Timer {
   public:
    Alarm(std::list<At>* all, std::list<At>::iterator mine) : all_(all), mine_(mine) {}
    ~Alarm() override { all_->erase(mine_); }

   private:
    std::list<At>* const all_;
    const std::list<At>::iterator mine_;
  };

  // What goes on next; null after an alarm, which may have made something ready.
  std::coroutine_handle<> Next() {
    At* first = nullptr;
    for (At& one : alarms_) {
      if (one.then && (first == nullptr || one.when < first->when)) first = &one;
    }
    std::unique_lock lock(mutex_);
    const auto is_ready = [this] { return !ready_.empty(); };
    if (first == nullptr) {
      changed_.wait(lock, is_ready);
    } else if (!changed_.wait_until(lock, first->when, is_ready)) {
      lock.unlock();
      std::exchange(first->then, nullptr)();
      return nullptr;
    }
    const std::coroutine_handle<> frame = ready_.front();
    ready_.pop_front();
    return frame;
  }

  std::list<At> alarms_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::coroutine_handle<>> ready_;
};

}  // namespace

void RunHere(activity_context& context, std::coroutine_handle<> root) {
  std::make_shared<ThreadLoop>(&context)->Run(root);
}

ActivityLoop& ActivityLoop::Get() {
  if (current_loop == nullptr || current_loop->activity == nullptr) {
    throw Error("perdure::activity::sleep and async wait in activities that are coroutines only");
  }
  return *current_loop->activity;
}

void ActivityLoop::Resume(std::coroutine_handle<> frame) {
  const ActivityScope scope(context_);
  RunLoop* const before = std::exchange(current_loop, this);
  while (frame) {
    next = {};
    frame.resume();
    frame = next;
  }
  current_loop = before;
}

std::stop_token StopTokenOf(const activity_context& context) { return context.stop_token(); }
void ThrowIfCancelled(const activity_context& context) { context.throw_if_cancelled(); }

}  // namespace detail
}  // namespace perdure
