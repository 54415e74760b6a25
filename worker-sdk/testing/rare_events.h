// Workflows that meet what those of features.h do not: what they wait for is stopped, lost or runs
// out of time. tests/cpp/servers runs them on servers, and they are replayed from recorded
// histories.
#pragma once

#include <string>

#include "worker-sdk/testing/features.h"

namespace perdure::testing::features {

inline void until_canceled() {
  while (true) {
    activity::heartbeat();
    activity::context().sleep_for(100ms);
  }
}

// Stops an activity and other workflows, of which one does not exist.
struct Stops {
  task<std::string> run(std::string other) {
    auto asked = workflow::activity<&until_canceled>(
        {.start_to_close = 1min,
         .heartbeat = 1s,
         .cancellation = activity_cancellation::wait_completed});
    co_await workflow::sleep(1s);
    asked.cancel();
    std::string seen;
    try {
      co_await asked;
    } catch (const ActivityError& error) {
      seen += is_cancellation(error.failure_ptr()) ? "stopped" : "?";
    }
    co_await workflow::external(other).cancel("of no more use");
    try {
      co_await workflow::external("no-such-workflow").cancel();
    } catch (const FailureError&) {
      seen += ", nobody";
    }
    co_return seen;
  }
  using handlers = define<entry<&Stops::run>>;
};

// Its first child runs out of time, its second is terminated by somebody; then it fails.
struct Losses {
  task<std::string> run() {
    const std::string prefix = workflow::info().workflow_id + "-kid-";
    const std::string id1 = prefix + "1", id2 = prefix + "2";
    std::string seen;
    try {
      co_await workflow::child<&Kid::run>(1, {.id = id1, .run_timeout = 1s});
    } catch (const ChildWorkflowError& error) {
      seen += error.cause_as<TimeoutFailureInfo>() != nullptr ? "late" : "?";
    }
    auto lost = workflow::child<&Kid::run>(2, {.id = id2});
    co_await lost.started();
    is_waiting = true;
    try {
      co_await lost;
    } catch (const ChildWorkflowError& error) {
      seen += error.cause_as<TerminatedFailureInfo>() != nullptr ? ", killed" : ", ?";
    }
    throw ApplicationError(seen, {.type = "Lost"});
  }
  bool waiting() const { return is_waiting; }
  bool is_waiting = false;
  using handlers = define<entry<&Losses::run>, query<&Losses::waiting>>;
};

// Draws a number, which names its activity: a reset run must not draw that of the run before it.
struct Draws {
  task<std::string> run() {
    co_await workflow::until([this] { return is_closed; });
    const std::string id = std::to_string(workflow::random()());
    co_await workflow::activity<&echo>(id, {.start_to_close = 10s, .id = id});
    co_return id + " " + std::to_string(total);
  }
  int add(int n) { return total += n; }
  int sum() const { return total; }
  void close() { is_closed = true; }
  int total = 0;
  bool is_closed = false;
  using handlers =
      define<entry<&Draws::run>, update<&Draws::add>, query<&Draws::sum>, signal<&Draws::close>>;
};

// All of them, on a Worker or a Replayer, beside register_workflows.
template <class Host>
void register_rare_workflows(Host& host) {
  host.template workflow<Stops>().template workflow<Losses>().template workflow<Draws>();
}

}  // namespace perdure::testing::features
