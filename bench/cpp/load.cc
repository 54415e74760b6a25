#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "bench/cpp/scenario.h"
#include "bench/cpp/workflows.h"
#include "perdure/client.h"
#include "perdure/worker.h"

namespace perdure::bench {
namespace {

using Clock = std::chrono::steady_clock;

// Starts workflows and waits for their results, each of its threads with a part of them.
class Driver {
 public:
  Driver(const Client& client, std::string queue, const SdkOptions& options)
      : client_(client), queue_(std::move(queue)), options_(options) {}

  // Seconds that each took; throws the first error of any.
  std::vector<double> Run(std::int64_t count) {
    next_ = 0;
    count_ = count;
    seconds_.assign(static_cast<std::size_t>(count), 0);
    const std::int64_t threads =
        options_.threads > 0 ? std::min(options_.threads, options_.in_flight) : options_.in_flight;
    std::vector<std::thread> all;
    for (std::int64_t i = 0; i < threads; ++i) {
      const std::int64_t depth = options_.in_flight / threads;
      all.emplace_back([this, depth] { RunPart(depth); });
    }
    for (std::thread& one : all) one.join();
    if (error_) std::rethrow_exception(error_);
    return std::move(seconds_);
  }

 private:
  struct Open {
    handle_of<&Order::run> workflow;
    std::int64_t number;
    Clock::time_point started;
  };

  void RunPart(std::int64_t depth) {
    std::deque<Open> open;
    try {
      for (;;) {
        const std::int64_t number = next_++;
        if (number >= count_) break;
        if (static_cast<std::int64_t>(open.size()) == depth) Finish(&open);
        const Clock::time_point started = Clock::now();
        open.push_back(
            {client_.start<&Order::run>({.task_queue = queue_, .eager = options_.is_eager_start},
                                        static_cast<int>(number)),
             number, started});
      }
      while (!open.empty()) Finish(&open);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
      next_ = count_;
    }
  }
  void Finish(std::deque<Open>* open) {
    Open& first = open->front();
    if (first.workflow.result() != first.number + 1) throw std::runtime_error("a wrong result");
    seconds_[static_cast<std::size_t>(first.number)] =
        std::chrono::duration<double>(Clock::now() - first.started).count();
    open->pop_front();
  }

  const Client client_;
  const std::string queue_;
  const SdkOptions& options_;
  std::atomic<std::int64_t> next_{0};
  std::int64_t count_ = 0;
  std::vector<double> seconds_;
  std::mutex mutex_;
  std::exception_ptr error_;  // Guarded by mutex_ while threads run.
};

}  // namespace

Figures Load(const SdkOptions& options) {
  const std::int64_t count = options.count > 0 ? options.count : 10000;
  const std::string queue = "cpp-bench-" + std::to_string(Clock::now().time_since_epoch().count());
  const Client client = Client::connect({.target = options.address});
  Worker worker(client,
                {.task_queue = queue, .log = [](LogLevel, std::string_view, const LogFields&) {}});
  worker.workflow<Order>();
  if (options.has_coroutine_activity) {
    worker.activity<&ChargeInCoroutine>("Charge");
  } else {
    worker.activity<&Charge>();
  }
  worker.start();
  Driver driver(client, queue, options);
  driver.Run(std::max<std::int64_t>(count / 10, options.in_flight));

  const double own_before = OwnCpuSeconds();
  std::vector<double> before;
  for (const std::int64_t pid : options.pids) before.push_back(CpuSecondsOf(pid));
  const Clock::time_point begin = Clock::now();
  std::vector<double> seconds = driver.Run(count);
  const double took = std::chrono::duration<double>(Clock::now() - begin).count();
  const double own = OwnCpuSeconds() - own_before;

  std::sort(seconds.begin(), seconds.end());
  const auto each = static_cast<double>(count);
  Figures figures = {{"workflows_per_second", each / took},
                     {"latency_p50_ms", seconds[seconds.size() / 2] * 1e3},
                     {"latency_p99_ms", seconds[seconds.size() * 99 / 100] * 1e3},
                     {"own_cpu_ms", own / each * 1e3}};
  for (std::size_t i = 0; i < options.pids.size(); ++i) {
    figures.emplace_back("pid_" + std::to_string(options.pids[i]) + "_cpu_ms",
                         (CpuSecondsOf(options.pids[i]) - before[i]) / each * 1e3);
  }
  return figures;
}

}  // namespace perdure::bench
