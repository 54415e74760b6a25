// Numbers that workflow code tells: once, whatever is replayed, and with the labels of the run.
#include <gtest/gtest.h>

#include <map>

#include "worker-sdk/coro/guard.h"
#include "worker-sdk/coro/scripted_run.h"

namespace perdure::detail {
namespace {

using namespace std::chrono_literals;
using Values = std::map<std::string, double>;

struct RecordingSink : MetricsSink {
  void count(std::string_view name, MetricLabels labels, double by) override {
    values[Key(name, labels)] += by;
  }
  void gauge(std::string_view name, MetricLabels labels, double value) override {
    values[Key(name, labels)] = value;
  }
  void latency(std::string_view name, MetricLabels labels,
               std::chrono::nanoseconds value) override {
    values[Key(name, labels)] += std::chrono::duration<double>(value).count();
  }
  void histogram(std::string_view name, MetricLabels labels, double value) override {
    values[Key(name, labels)] += value;
  }
  std::string Key(std::string_view name, MetricLabels labels) {
    was_in_workflow_code |= IsInWorkflowCode();
    std::string key(name);
    for (const auto& [label, value] : labels)
      key.append(" ").append(label).append("=").append(value);
    return key;
  }
  Values values;
  bool was_in_workflow_code = false;
};

struct Counting {
  task<void> run() {
    workflow::metrics().count("started");
    co_await workflow::sleep(1h);
    workflow::metrics().count("slept", {{"how", "well"}, {"where", "here"}}, 2);
    workflow::metrics().gauge("level", {}, 3);
    workflow::metrics().latency("took", {}, 4s);
    workflow::metrics().histogram("size", {}, 5);
    co_await workflow::sleep(1h);
  }
  using handlers = define<entry<&Counting::run>>;
};

TEST(RunMetrics, AreLabelledWithTheRun) {
  const auto sink = std::make_shared<RecordingSink>();
  auto run = ScriptedRun::Of<Counting>();
  run.Measure(sink);
  run.Start();
  run.Fire(1);
  const std::string labels = " namespace=space task_queue=queue workflow_type=Counting";
  EXPECT_EQ(sink->values, (Values{{"started" + labels, 1},
                                  {"slept" + labels + " how=well where=here", 2},
                                  {"level" + labels, 3},
                                  {"took" + labels, 4},
                                  {"size" + labels, 5}}));
  EXPECT_FALSE(sink->was_in_workflow_code);
}

TEST(RunMetrics, TellNothingAgainInAReplay) {
  const auto sink = std::make_shared<RecordingSink>();
  auto run = ScriptedRun::Of<Counting>();
  run.Measure(sink);
  run.replaying = true;
  run.Start();
  EXPECT_EQ(sink->values, Values());
  run.replaying = false;
  run.Fire(1);
  EXPECT_EQ(sink->values.size(), 4U);
}

struct CountsItsEnd {
  struct Farewell {
    ~Farewell() { workflow::metrics().count("ended"); }
  };
  task<void> run() {
    const Farewell farewell;
    co_await workflow::sleep(1h);
  }
  using handlers = define<entry<&CountsItsEnd::run>>;
};

TEST(RunMetrics, AnEvictionIsNoEnd) {
  const auto sink = std::make_shared<RecordingSink>();
  auto run = ScriptedRun::Of<CountsItsEnd>();
  run.Measure(sink);
  run.Start();
  run.Evict();
  EXPECT_EQ(sink->values, Values());
  run = ScriptedRun::Of<CountsItsEnd>();
  run.Measure(sink);
  run.Start();
  run.Fire(1);
  EXPECT_EQ(sink->values.size(), 1U);
}

TEST(RunMetrics, WithoutASinkNothingHappens) {
  auto run = ScriptedRun::Of<Counting>();
  run.Start();
  EXPECT_EQ(Kinds(run.Fire(1)), "timer");
}

TEST(RunMetrics, AreOfWorkflowCodeOnly) { EXPECT_THROW(workflow::metrics(), WorkflowContextError); }

struct FailingSink : RecordingSink {
  void count(std::string_view, MetricLabels, double) override { throw std::runtime_error("full"); }
};

TEST(RunMetrics, ASinkThatThrowsLeavesTheRunInItsPlace) {
  auto run = ScriptedRun::Of<Counting>();
  run.Measure(std::make_shared<FailingSink>());
  EXPECT_EQ(Kinds(run.Start()), "!full");
}

}  // namespace
}  // namespace perdure::detail
