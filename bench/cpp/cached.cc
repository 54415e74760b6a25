#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "bench/cpp/scenario.h"
#include "bench/cpp/workflows.h"
#include "perdure/client.h"
#include "perdure/metrics.h"
#include "perdure/worker.h"

namespace perdure::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Hears how many runs the worker has cached, and how many tasks were accepted.
class CacheWatch : public MetricsSink {
 public:
  void count(std::string_view name, MetricLabels labels, double by) override {}
  void gauge(std::string_view name, MetricLabels labels, double value) override {
    if (name == "temporal_sticky_cache_size") cached_ = static_cast<std::int64_t>(value);
  }
  void latency(std::string_view name, MetricLabels labels,
               std::chrono::nanoseconds value) override {}
  std::int64_t cached() const { return cached_; }

 private:
  std::atomic<std::int64_t> cached_{0};
};

void StartAll(const Client& client, const std::string& queue, std::int64_t count,
              std::int64_t threads) {
  std::atomic<std::int64_t> next{0};
  std::vector<std::thread> all;
  for (std::int64_t i = 0; i < threads; ++i) {
    all.emplace_back([&] {
      while (next++ < count) {
        client.start<&Waiting::run>({.task_queue = queue}, "a customer whose name is long");
      }
    });
  }
  for (std::thread& one : all) one.join();
}

}  // namespace

Figures Cached(const SdkOptions& options) {
  const std::int64_t count = options.count > 0 ? options.count : 100000;
  const std::string queue = "cpp-cached-" + std::to_string(Clock::now().time_since_epoch().count());
  const auto watch = std::make_shared<CacheWatch>();
  const Client client = Client::connect({.target = options.address, .metrics = watch});
  WorkerOptions worker_options;
  worker_options.task_queue = queue;
  worker_options.log = [](LogLevel, std::string_view, const LogFields&) {};
  worker_options.cache = {.runs = count + 1000, .bytes = std::int64_t{1} << 40, .idle = 0s};
  Worker worker(client, worker_options);
  worker.workflow<Waiting>();
  worker.start();
  std::this_thread::sleep_for(500ms);
  const double before = ResidentBytes();
  const double cpu_before = OwnCpuSeconds();
  const Clock::time_point begin = Clock::now();
  StartAll(client, queue, count, options.in_flight);
  while (watch->cached() < count) {
    if (Clock::now() - begin > 30min) throw std::runtime_error("not all are cached in 30 minutes");
    std::this_thread::sleep_for(50ms);
  }
  const double took = std::chrono::duration<double>(Clock::now() - begin).count();
  const double cpu = OwnCpuSeconds() - cpu_before;
  std::this_thread::sleep_for(2s);  // The last answers.
  const auto each = static_cast<double>(count);
  return {{"cached", static_cast<double>(watch->cached())},
          {"resident_mb", ResidentBytes() / 1048576},
          {"resident_before_mb", before / 1048576},
          {"run_resident_bytes", (ResidentBytes() - before) / each},
          {"workflows_per_second", each / took},
          {"own_cpu_ms", cpu / each * 1e3}};
}

}  // namespace perdure::bench
