// What perdure-sdk-bench can measure. Each scenario does its work and gives figures under fixed
// names, one a line, for people and for bench/table.py; it throws where something is wrong.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/cpp/figures.h"

namespace perdure::bench {

struct SdkOptions {
  std::string address = "127.0.0.1:7233";
  std::int64_t in_flight = 200;
  std::int64_t count = 0;  // 0: the scenario's own.
  // Threads of the client; each keeps its part of what is in flight.
  std::int64_t threads = 0;  // 0: one for each that is in flight.
  // The first task comes with the answer to the start.
  bool is_eager_start = false;
  bool has_coroutine_activity = false;
  // Processes whose CPU time counts.
  std::vector<std::int64_t> pids;
};

// One-activity workflows; worker and client in this process.
Figures Load(const SdkOptions& options);
// A history of 2,000 timers, from its bytes.
Figures Replay(const SdkOptions& options);
// Timers one after the other in one run, without core and conversion.
Figures Activation(const SdkOptions& options);
// Cached runs as a worker holds them, without a server.
Figures Memory(const SdkOptions& options);
// Waiting workflows in the cache of one worker.
Figures Cached(const SdkOptions& options);

}  // namespace perdure::bench
