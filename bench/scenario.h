// What perdure-bench can measure. A scenario drives a server until its work is done and reports
// figures under fixed names, one a line, for people and for bench/table.py.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "bench/client.h"

namespace perdure::bench {

struct Options {
  int64_t in_flight = 200;
  int64_t count = 20000;
  // Workflows: the worker has a sticky queue and takes activities eagerly, as the SDKs' do.
  bool is_like_sdk = false;
  // For lists and counts: the filter.
  std::string query;
};

using Figures = std::vector<std::pair<std::string, double>>;

// The value below which this share of the samples lies, in milliseconds. Sorts them.
double Quantile(std::vector<absl::Duration>& samples, double share);

// One-activity workflows, `in_flight` at a time.
Figures Workflows(Client& client, const Options& options);
// Workflows that wait for a timer of 10 ms: how much later than asked the worker hears of it.
Figures Timers(Client& client, const Options& options);
// One workflow with `count` activities one after the other: does the last tenth cost more than the
// first?
Figures Sequential(Client& client, const Options& options);
// `count` signals to one workflow, `in_flight` at a time, a worker taking them as they come.
Figures Signals(Client& client, const Options& options);
// `count` updates of one cached workflow, one after the other.
Figures Updates(Client& client, const Options& options);
// Starts `count` workflows that sleep for a month.
Figures Asleep(Client& client, const Options& options);
// `count` polls that find nothing, half for workflow tasks and half for activities, ten to a queue
// and a connection as workers have them.
Figures Polls(Client& client, const Options& options);
// The query, `count` times: lists of 100 rows, or counts.
Figures Lists(Client& client, const Options& options);
Figures Counts(Client& client, const Options& options);

}  // namespace perdure::bench
