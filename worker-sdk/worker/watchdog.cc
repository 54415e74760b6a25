#include "worker-sdk/worker/watchdog.h"

#include <execinfo.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <string>

namespace perdure::worker {
namespace {

// How long a thread is waited for until it has written down its stack.
constexpr auto kStackWait = std::chrono::milliseconds(200);
constexpr int kFramesMax = 48;

// One stack at a time, for the whole process: a signal handler can be given nothing.
std::mutex stack_mutex;
void* stack_frames[kFramesMax];
int stack_size = 0;
std::atomic<bool> stack_is_there{false};

int StackSignal() { return SIGRTMIN + 7; }

void OnStackSignal(int) {
  stack_size = backtrace(stack_frames, kFramesMax);
  stack_is_there.store(true);
}

std::string StackOf(pthread_t thread) {
  const std::lock_guard lock(stack_mutex);
  stack_is_there.store(false);
  if (pthread_kill(thread, StackSignal()) != 0) return "";
  const auto until = std::chrono::steady_clock::now() + kStackWait;
  while (!stack_is_there.load()) {
    if (std::chrono::steady_clock::now() > until) return "\n  (its stack could not be had)";
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const std::unique_ptr<char*, void (*)(void*)> names(backtrace_symbols(stack_frames, stack_size),
                                                      std::free);
  std::string text;
  // Without the handler and the frame the kernel puts below it.
  for (int i = 2; i < stack_size && names != nullptr; ++i)
    text += std::string("\n  at ") + names.get()[i];
  return text;
}

std::int64_t CpuNanos(pthread_t thread) {
  clockid_t clock{};
  timespec used{};
  if (pthread_getcpuclockid(thread, &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
  return static_cast<std::int64_t>(used.tv_sec) * 1'000'000'000 + used.tv_nsec;
}

// Sleeping or waiting for a device, as the kernel sees it: R is running or ready to.
bool IsBlocked(int thread_id) {
  std::ifstream stat("/proc/self/task/" + std::to_string(thread_id) + "/stat");
  std::string line;
  std::getline(stat, line);
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= line.size()) return false;
  return line[name_end + 2] == 'S' || line[name_end + 2] == 'D';
}

std::uint64_t NextNumber() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

Watchdog::Watchdog(std::chrono::nanoseconds limit, LogSink log)
    : limit_(limit), log_(std::move(log)), number_(NextNumber()) {
  // backtrace() loads a library on first use, which a signal handler must not do.
  void* first[1];
  static_cast<void>(backtrace(first, 1));
  struct sigaction action{};
  action.sa_handler = OnStackSignal;
  action.sa_flags = SA_RESTART;
  sigaction(StackSignal(), &action, nullptr);
  thread_ = std::thread([this] { Run(); });
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Watchdog::Watched& Watchdog::Mine() {
  struct Known {
    std::uint64_t watchdog = 0;
    std::shared_ptr<Watched> watched;
  };
  static thread_local Known known;
  if (known.watchdog != number_) {
    known.watchdog = number_;
    known.watched = std::make_shared<Watched>();
    known.watched->thread = pthread_self();
    known.watched->thread_id = static_cast<int>(syscall(SYS_gettid));
    const std::lock_guard lock(mutex_);
    watched_.push_back(known.watched);
  }
  return *known.watched;
}

void Watchdog::Begin(const detail::RunInfo& info) {
  Watched& mine = Mine();
  const std::lock_guard lock(mine.mutex);
  mine.info = &info;
  mine.is_reported = false;
  mine.began = std::chrono::steady_clock::now();
  mine.cpu_began_ns = -1;  // Read when somebody looks: most activations end before.
}

void Watchdog::End() {
  Watched& mine = Mine();
  const std::lock_guard lock(mine.mutex);
  mine.info = nullptr;
}

void Watchdog::Run() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    changed_.wait_for(lock, limit_ / 4);
    // Without the lock: a report takes a while, and threads that begin must not wait for it.
    const std::vector<std::shared_ptr<Watched>> all = watched_;
    lock.unlock();
    for (const auto& one : all) Look(one.get());
    lock.lock();
  }
}

void Watchdog::Look(Watched* watched) {
  const std::lock_guard lock(watched->mutex);
  if (watched->info == nullptr || watched->is_reported) return;
  const std::int64_t cpu = CpuNanos(watched->thread);
  if (watched->cpu_began_ns < 0) watched->cpu_began_ns = cpu;
  const std::chrono::nanoseconds used(cpu - watched->cpu_began_ns);
  const std::chrono::nanoseconds passed = std::chrono::steady_clock::now() - watched->began;
  if (used >= limit_) {
    watched->is_reported = true;
    Report(*watched, "has used the processor", std::chrono::duration<double>(used).count());
  } else if (passed >= limit_ && IsBlocked(watched->thread_id)) {
    watched->is_reported = true;
    Report(*watched, "has blocked its thread", std::chrono::duration<double>(passed).count());
  }
}

void Watchdog::Report(const Watched& watched, const char* what, double seconds) {
  if (!log_) return;
  std::string text =
      "workflow code " + std::string(what) + " for " + std::to_string(seconds) +
      " seconds without waiting in between: nothing else on that thread goes on. It is here:";
  text += StackOf(watched.thread);
  log_(LogLevel::error, text,
       {{"workflow_type", watched.info->workflow_type},
        {"workflow_id", watched.info->workflow_id},
        {"run_id", watched.info->run_id}});
}

}  // namespace perdure::worker
