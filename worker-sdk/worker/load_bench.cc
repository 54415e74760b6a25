// CPU of a worker per workflow, against a running server; two processes, so that the worker's CPU
// is its own.
//
//   sdk_worker_load worker 127.0.0.1:7233 &          prints its CPU at SIGTERM
//   sdk_worker_load client 127.0.0.1:7233 2000 5 50  2,000 workflows of 5 activities, 50 at a time
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string_view>

#include "perdure/client.h"
#include "perdure/worker.h"
#include "perdure/workflow.h"

namespace {

using namespace std::chrono_literals;

std::string echo(std::string text) { return text; }

struct Chain {
  perdure::task<std::string> run(int steps) {
    std::string text = "a short text";
    for (int i = 0; i < steps; ++i) {
      text = co_await perdure::workflow::activity<&echo>(text, {.start_to_close = 30s});
    }
    co_return text;
  }
  using handlers = perdure::define<perdure::entry<&Chain::run>>;
};

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int RunWorker(const perdure::Client& client, bool is_eager) {
  perdure::Worker worker(client, {.task_queue = "load", .eager_activities = is_eager});
  worker.workflow<Chain>().activity<&echo>();
  worker.run_until_signal();
  std::printf("worker: %.3f CPU-seconds\n", CpuSeconds());
  return 0;
}

int RunClient(const perdure::Client& client, int count, int steps, int at_a_time) {
  const auto begin = std::chrono::steady_clock::now();
  std::deque<perdure::handle_of<&Chain::run>> open;
  for (int i = 0; i < count; ++i) {
    if (static_cast<int>(open.size()) == at_a_time) {
      open.front().result();
      open.pop_front();
    }
    open.push_back(client.start<&Chain::run>({.task_queue = "load"}, steps));
  }
  for (auto& run : open) run.result();
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
  std::printf(
      "client: %d workflows of %d activities in %.2f s, %.0f per second, %.3f CPU-seconds\n", count,
      steps, passed.count(), count / passed.count(), CpuSeconds());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const perdure::Client client = perdure::Client::connect({.target = argv[2]});
  const auto number = [&](int at, int otherwise) {
    return argc > at ? std::atoi(argv[at]) : otherwise;
  };
  if (std::string_view(argv[1]) == "worker") return RunWorker(client, number(3, 1) != 0);
  return RunClient(client, number(3, 1000), number(4, 5), number(5, 50));
}
