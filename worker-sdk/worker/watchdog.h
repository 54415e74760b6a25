// Reports workflow code that holds its thread too long, once for each time, with the stack of that
// thread.
//
// Nothing else on that thread goes on meanwhile: no other workflow of the worker is served. What
// counts is what the code does, not what the clock says: a thread that the machine does not let run
// is no fault of the code. Code that used the processor for the limit, or that blocked in a call
// for as long, is reported. It cannot be stopped. Thread-safe; a thread of its own looks four times
// in the limit's length.
#pragma once

#include <pthread.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "perdure/detail/program.h"
#include "perdure/log.h"

namespace perdure::worker {

class Watchdog final : public detail::Watch {
 public:
  Watchdog(std::chrono::nanoseconds limit, LogSink log);
  ~Watchdog() override;

  void Begin(const detail::RunInfo& info) override;
  void End() override;

 private:
  // One thread that runs workflows. Shared with that thread, which may outlive the watchdog.
  struct Watched {
    std::mutex mutex;  // Guards all below.
    const detail::RunInfo* info = nullptr;
    bool is_reported = false;
    std::chrono::steady_clock::time_point began;
    std::int64_t cpu_began_ns = 0;
    pthread_t thread{};
    int thread_id = 0;
  };

  // Of the calling thread.
  Watched& Mine();
  void Run();
  void Look(Watched* watched);
  void Report(const Watched& watched, const char* what, double seconds);

  const std::chrono::nanoseconds limit_;
  const LogSink log_;
  const std::uint64_t number_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_stopping_ = false;
  std::vector<std::shared_ptr<Watched>> watched_;
  std::thread thread_;
};

}  // namespace perdure::worker
