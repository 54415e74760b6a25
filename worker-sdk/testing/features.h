// Every thing that workflow code can do, a workflow for each: run by the test beside it on the
// engine inside, by tests/cpp/servers on servers, and replayed from recorded histories.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "perdure/activity.h"
#include "perdure/workflow.h"

namespace perdure::testing::features {

using namespace std::chrono_literals;

// ---- Activities ----

inline std::string echo(std::string text) { return text; }
// Fails so often; gives the number of the attempt that did not.
inline int flaky(int fail_times) {
  const int attempt = activity::info().attempt;
  if (attempt <= fail_times)
    throw ApplicationError("attempt " + std::to_string(attempt), {.type = "Flaky"});
  return attempt;
}
inline void refuse(std::string type, bool non_retryable) {
  throw ApplicationError("refused", {.type = type, .non_retryable = non_retryable}, {encode(7)});
}

// ---- A workflow for each feature ----

struct Failures {
  task<std::string> run() {
    std::string seen;
    try {
      co_await workflow::activity<&refuse>("Bad", true, {.start_to_close = 10s});
    } catch (const ActivityError& error) {
      const auto* cause = error.cause_as<ApplicationFailureInfo>();
      seen += cause->type + " " + decode<std::string>(encode(error.cause()->message)) + " " +
              cause->details.at(0).data;
      seen += error.retry_state() == RetryState::non_retryable_failure ? " final" : " ?";
    }
    try {
      co_await workflow::activity<&refuse>(
          "Again", false, {.start_to_close = 10s, .retry = {.maximum_attempts = 2}});
    } catch (const ActivityError& error) {
      seen += error.retry_state() == RetryState::maximum_attempts_reached ? ", twice" : ", ?";
    }
    try {
      co_await workflow::activity_by_name<void>("nobody-does-this", {.schedule_to_close = 5s});
    } catch (const ActivityError& error) {
      seen += error.retry_state() == RetryState::timeout ? ", unknown" : ", ?";
    }
    try {
      co_await workflow::activity<&echo>("x", {.schedule_to_close = 5s, .task_queue = "nobody"});
    } catch (const ActivityError& error) {
      const auto* cause = error.cause_as<TimeoutFailureInfo>();
      seen += cause != nullptr && cause->type != TimeoutType::unspecified ? ", timeout" : ", ?";
    }
    co_return seen;
  }
  using handlers = define<entry<&Failures::run>>;
};

struct Local {
  task<std::string> run() {
    const std::string first =
        co_await workflow::local_activity<&echo>("one", {.start_to_close = 5s});
    const Timestamp before = workflow::now();
    const int called = co_await workflow::local_activity<&flaky>(
        2, {.start_to_close = 5s, .retry = {.initial_interval = 10ms, .maximum_attempts = 5}});
    const bool moved = workflow::now() >= before;
    std::string refused;
    try {
      co_await workflow::local_activity<&refuse>("No", true, {.start_to_close = 5s});
    } catch (const ActivityError& error) {
      refused = error.cause_as<ApplicationFailureInfo>()->type;
    }
    auto both = workflow::local_activity<&echo>("x", {.start_to_close = 5s});
    auto also = workflow::local_activity<&echo>("y", {.start_to_close = 5s});
    const auto [x, y] = co_await workflow::all(both, also);
    co_return first + std::to_string(called) + refused + x + y + (moved ? "" : "!");
  }
  using handlers = define<entry<&Local::run>>;
};

// Its retry waits longer than a worker should hold the task for.
struct LocalBackoff {
  task<int> run(std::chrono::seconds backoff) {
    co_return co_await workflow::local_activity<&flaky>(1, {.start_to_close = 5s,
                                                            .retry = {.initial_interval = backoff},
                                                            .local_retry_threshold = backoff / 4});
  }
  using handlers = define<entry<&LocalBackoff::run>>;
};

struct Kid {
  task<int> run(int n) {
    if (n < 0) throw ApplicationError("negative", {.type = "Negative"});
    co_await workflow::until_for(1h, [this] { return pokes >= 2; });
    co_return n + pokes;
  }
  void poke() { ++pokes; }
  int pokes = 0;
  using handlers = define<entry<&Kid::run>, signal<&Kid::poke>>;
};
struct Parent {
  task<std::string> run() {
    const std::string prefix = workflow::info().workflow_id + "-kid-";
    const std::string id1 = prefix + "1", id2 = prefix + "2", id3 = prefix + "3",
                      id4 = prefix + "4";
    auto one = workflow::child<&Kid::run>(10, {.id = id1});
    const std::string run_id = co_await one.started();
    co_await one.signal<&Kid::poke>();
    co_await workflow::external(id1).signal<&Kid::poke>();
    std::string seen = std::to_string(co_await one) + (run_id.empty() ? "?" : "");
    try {
      co_await workflow::child<&Kid::run>(-1, {.id = id2});
    } catch (const ChildWorkflowError& error) {
      seen += " " + error.cause_as<ApplicationFailureInfo>()->type +
              (error.info().workflow_id == id2 ? "" : "?");
    }
    auto canceled = workflow::child<&Kid::run>(1, {.id = id3});
    co_await canceled.started();
    canceled.cancel();
    try {
      co_await canceled;
    } catch (const ChildWorkflowError& error) {
      seen += is_cancellation(error.failure_ptr()) ? " canceled" : " ?";
    }
    auto lasting =
        workflow::child<&Kid::run>(1, {.id = id4, .on_parent_close = parent_close::abandon});
    co_await lasting.started();
    try {
      co_await workflow::child<&Kid::run>(1, {.id = id4});
    } catch (const ChildWorkflowError&) {
      seen += " taken";
    }
    try {
      co_await workflow::external("no-such-workflow").signal<&Kid::poke>();
    } catch (const FailureError&) {
      seen += " nobody";
    }
    lasting.detach();
    co_return seen;
  }
  using handlers = define<entry<&Parent::run>>;
};

struct Continues {
  task<int> run(int left, int sum) {
    if (left > 0) workflow::continue_as_new<&Continues::run>(left - 1, sum + left);
    co_return sum;
  }
  using handlers = define<entry<&Continues::run>>;
};

inline std::atomic<int> effects{0};
struct Effects {
  task<std::string> run() {
    const int first = workflow::side_effect([] { return ++effects; });
    co_await workflow::sleep(1s);
    const int second = workflow::side_effect([] { return ++effects; });
    const int a = workflow::mutable_side_effect("level", [] { return 1; });
    co_await workflow::sleep(1s);
    const int b = workflow::mutable_side_effect("level", [] { return 1; });
    const int c = workflow::mutable_side_effect("level", [] { return 2; });
    co_await workflow::sleep(1s);
    const std::string id = workflow::uuid4();
    const auto random = workflow::random()();
    co_await workflow::sleep(1s);
    co_return std::to_string(second - first) + std::to_string(a) + std::to_string(b) +
        std::to_string(c) + (id.size() == 36 && random != 0 ? "" : "?");
  }
  using handlers = define<entry<&Effects::run>>;
};

inline const search_key<std::string> color{"Color"};
inline const search_key<std::int64_t> size_key{"Size"};

struct Shown {
  task<std::string> run() {
    workflow::upsert({color.set("red"), size_key.set(3)});
    workflow::upsert_memo("note", "fragile");
    workflow::set_current_details("half way");
    co_await workflow::sleep(1s);
    workflow::upsert(size_key.unset());
    workflow::remove_memo("note");
    co_await workflow::sleep(1s);
    co_return workflow::search_attribute(color).value_or("?") +
        (workflow::search_attribute(size_key) ? "?" : "");
  }
  using handlers = define<entry<&Shown::run>>;
};

struct Patched {
  task<std::string> run() {
    std::string seen = workflow::patched("first") ? "new" : "old";
    co_await workflow::sleep(1s);
    seen += workflow::patched("first") ? " new" : " old";
    workflow::deprecate_patch("second");
    co_await workflow::sleep(1s);
    co_return seen;
  }
  using handlers = define<entry<&Patched::run>>;
};

struct Canceled {
  task<std::string> run() {
    std::string seen;
    workflow::cancel_scope scope;
    auto inside = scope.spawn(waits());
    co_await workflow::sleep(1s);
    scope.cancel("enough");
    try {
      co_await inside;
    } catch (const CanceledError& error) {
      seen += error.what();
    }
    ++stage;
    try {
      co_await workflow::sleep(1h);
    } catch (const CanceledError&) {
      seen += workflow::cancel_requested() ? " asked" : " ?";
    }
    co_await workflow::shield(tidy());
    cleaned = seen;
    throw CanceledError();
  }
  task<void> waits() {
    co_await workflow::until([] { return false; });
  }
  task<void> tidy() { co_await workflow::activity<&echo>("tidy", {.start_to_close = 1s}); }
  std::string what() const { return cleaned; }
  int progress() const { return stage; }
  std::string cleaned;
  int stage = 0;
  using handlers =
      define<entry<&Canceled::run>, query<&Canceled::what>, query<&Canceled::progress>>;
};

struct Cart {
  task<int> run() {
    co_await workflow::until([this] { return is_closed; });
    co_await workflow::until(workflow::all_handlers_finished);
    co_return total;
  }
  task<int> add(int n) {
    co_await workflow::activity<&echo>("added", {.start_to_close = 1s});
    total += n;
    co_return total;
  }
  void check(int n) const {
    if (n <= 0) throw ApplicationError("not positive", {.type = "NotPositive"});
  }
  int twice(int n) {
    if (n == 13) throw ApplicationError("unlucky");
    return 2 * n;
  }
  void other(std::string name, Payloads) { names.push_back(name); }
  std::string any_query(std::string name, Payloads input) const { return name + input.at(0).data; }
  task<std::string> any_update(std::string name, Payloads) { co_return name; }
  std::vector<std::string> signals() const { return names; }
  void close() { is_closed = true; }
  int total = 0;
  bool is_closed = false;
  std::vector<std::string> names;
  using handlers = define<entry<&Cart::run>, update<&Cart::add, &Cart::check>, update<&Cart::twice>,
                          signal<&Cart::close>, query<&Cart::signals>, dynamic_signal<&Cart::other>,
                          dynamic_query<&Cart::any_query>, dynamic_update<&Cart::any_update>>;
};

// All of them, on a Worker or a Replayer.
template <class Host>
void register_workflows(Host& host) {
  host.template workflow<Failures>().template workflow<Local>().template workflow<LocalBackoff>();
  host.template workflow<Kid>().template workflow<Parent>().template workflow<Continues>();
  host.template workflow<Effects>().template workflow<Shown>().template workflow<Patched>();
  host.template workflow<Canceled>().template workflow<Cart>();
}

}  // namespace perdure::testing::features
