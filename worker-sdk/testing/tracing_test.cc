// One trace through clients, workflows and activities, on the real engine, with and without a
// cache.
#include "perdure/tracing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <mutex>

#include "perdure/replayer.h"
#include "perdure/testing.h"
#include "perdure/workflow.h"

namespace perdure::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::UnorderedElementsAre;

// Keeps spans, with ids in the form of W3C Trace Context.
class KeepingTracer final : public Tracer {
 public:
  struct Kept {
    std::string name, trace, id, parent, error;
    bool has_ended = false;
  };
  class KeptSpan final : public Span {
   public:
    KeptSpan(KeepingTracer* tracer, std::size_t index) : tracer_(*tracer), index_(index) {}
    TraceContext context() const override {
      const std::lock_guard lock(tracer_.mutex_);
      const Kept& kept = tracer_.spans_[index_];
      return {{"traceparent", "00-" + kept.trace + "-" + kept.id + "-01"}};
    }
    void end(std::string_view error) override {
      const std::lock_guard lock(tracer_.mutex_);
      Kept& kept = tracer_.spans_[index_];
      EXPECT_FALSE(kept.has_ended) << kept.name;
      kept.has_ended = true;
      kept.error = std::string(error);
    }

   private:
    KeepingTracer& tracer_;
    const std::size_t index_;
  };

  std::unique_ptr<Span> start_span(const SpanStart& start) override {
    EXPECT_EQ(detail::current_loop != nullptr && detail::current_loop->instance != nullptr, false)
        << "a tracer is no workflow code";
    const std::lock_guard lock(mutex_);
    Kept kept;
    kept.name = start.name;
    if (const auto found = start.parent.find("traceparent"); found != start.parent.end()) {
      kept.trace = found->second.substr(3, 32);
      kept.parent = found->second.substr(36, 16);
    } else {
      kept.trace = Hex(32, spans_.size() + 1);
    }
    kept.id = Hex(16, spans_.size() + 1);
    spans_.push_back(kept);
    return std::make_unique<KeptSpan>(this, spans_.size() - 1);
  }
  TraceContext current() override { return current_; }
  void make_current(const Span* span) override {
    current_ = span == nullptr ? TraceContext() : span->context();
  }

  // "RunActivity:echo < StartActivity:echo", for each.
  std::vector<std::string> Edges() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> edges;
    for (const Kept& one : spans_) {
      const auto parent = std::find_if(spans_.begin(), spans_.end(),
                                       [&](const Kept& other) { return other.id == one.parent; });
      edges.push_back(one.name + (parent == spans_.end() ? "" : " < " + parent->name));
      EXPECT_TRUE(one.has_ended) << one.name;
    }
    return edges;
  }
  std::size_t Traces() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> traces;
    for (const Kept& one : spans_) traces.push_back(one.trace);
    std::sort(traces.begin(), traces.end());
    return static_cast<std::size_t>(std::unique(traces.begin(), traces.end()) - traces.begin());
  }
  std::string ErrorOf(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    for (const Kept& one : spans_) {
      if (one.name == name) return one.error;
    }
    return "no such span";
  }

 private:
  static std::string Hex(int digits, std::size_t number) {
    std::string text(static_cast<std::size_t>(digits), '0');
    for (std::size_t at = text.size(); number != 0; number /= 16)
      text[--at] = "0123456789abcdef"[number % 16];
    return text;
  }
  static thread_local TraceContext current_;
  mutable std::mutex mutex_;
  std::vector<Kept> spans_;
};
thread_local TraceContext KeepingTracer::current_;

std::shared_ptr<KeepingTracer> keeping;

std::string echo(std::string text) {
  return text + (keeping->current().empty() ? " untraced" : " traced");
}
task<std::string> waits(std::string text) {
  co_await activity::sleep(1s);
  co_return text + (keeping->current().empty() ? " loop" : " ?");
}
void refuses() { throw ApplicationError("no", {.non_retryable = true}); }

struct Kid {
  task<void> run() {
    co_await workflow::until([this] { return is_poked; });
  }
  void poke() { is_poked = true; }
  bool is_poked = false;
  using handlers = define<entry<&Kid::run>, signal<&Kid::poke>>;
};
struct Traced {
  task<std::string> run() {
    std::string seen = co_await workflow::activity<&echo>("a", {.start_to_close = 10s});
    seen += ' ' + co_await workflow::local_activity<&waits>("b", {.start_to_close = 10s});
    auto kid = workflow::child<&Kid::run>();
    co_await kid.started();
    co_await kid.signal<&Kid::poke>();
    co_await kid;
    try {
      co_await workflow::activity<&refuses>({.start_to_close = 10s});
    } catch (const ActivityError&) {
      seen += " refused";
    }
    co_await workflow::until([this] { return told; });
    co_return seen;
  }
  task<std::string> ask() {
    co_return co_await workflow::activity<&echo>("u", {.start_to_close = 10s});
  }
  void tell() { told = true; }
  bool is_told() const { return told; }
  bool told = false;
  using handlers = define<entry<&Traced::run>, update<&Traced::ask>, signal<&Traced::tell>,
                          query<&Traced::is_told>>;
};

class Traces : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(, Traces, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Cached" : "Replayed"; });

TEST_P(Traces, GoThroughAllThatIsStarted) {
  keeping = std::make_shared<KeepingTracer>();
  const auto tracing = std::make_shared<TracingInterceptor>(keeping);
  Environment env({.interceptors = {tracing}});
  WorkerOptions options = env.worker("q");
  if (GetParam()) options.cache.runs = 100;
  options.interceptors = {tracing};
  Worker worker(env.client(), options);
  worker.workflow<Traced>().workflow<Kid>();
  worker.activity<&echo>().activity<&waits>().activity<&refuses>();
  worker.start();
  auto run = env.client().start<&Traced::run>({.id = "w", .task_queue = "q"});
  env.sleep(1min);
  EXPECT_EQ(run.update<&Traced::ask>(), "u traced");
  EXPECT_FALSE(run.query<&Traced::is_told>());
  run.signal<&Traced::tell>();
  EXPECT_EQ(run.result(), "a traced b loop refused");
  EXPECT_THAT(
      keeping->Edges(),
      UnorderedElementsAre(
          "StartWorkflow:Traced", "RunWorkflow:Traced < StartWorkflow:Traced",
          "StartActivity:echo < StartWorkflow:Traced", "RunActivity:echo < StartActivity:echo",
          "StartActivity:waits < StartWorkflow:Traced", "RunActivity:waits < StartActivity:waits",
          "StartChildWorkflow:Kid < StartWorkflow:Traced",
          "RunWorkflow:Kid < StartChildWorkflow:Kid",
          "SignalChildWorkflow:poke < StartWorkflow:Traced",
          "HandleSignal:poke < SignalChildWorkflow:poke",
          "StartActivity:refuses < StartWorkflow:Traced",
          "RunActivity:refuses < StartActivity:refuses", "StartWorkflowUpdate:ask",
          "ValidateUpdate:ask < StartWorkflowUpdate:ask",
          "HandleUpdate:ask < StartWorkflowUpdate:ask",
          "StartActivity:echo < StartWorkflowUpdate:ask", "RunActivity:echo < StartActivity:echo",
          "QueryWorkflow:is_told", "HandleQuery:is_told < QueryWorkflow:is_told",
          "SignalWorkflow:tell", "HandleSignal:tell < SignalWorkflow:tell"));
  EXPECT_EQ(keeping->Traces(), 4u);
  EXPECT_EQ(keeping->ErrorOf("RunActivity:refuses"), "no");
  EXPECT_EQ(keeping->ErrorOf("RunActivity:waits"), "");
  EXPECT_TRUE(keeping->current().empty());
  // A replay makes no spans.
  const std::size_t count = keeping->Edges().size();
  Replayer replayer({.interceptors = {tracing}});
  replayer.workflow<Traced>();
  EXPECT_TRUE(replayer.replay(run.fetch_history()).ok);
  EXPECT_EQ(keeping->Edges().size(), count);
}

TEST(FailedTraces, OfACallThatFailedSayWhy) {
  keeping = std::make_shared<KeepingTracer>();
  Environment env({.interceptors = {std::make_shared<TracingInterceptor>(keeping)}});
  EXPECT_THROW(env.client().handle<&Traced::run>("nobody").signal<&Traced::tell>(), RpcError);
  EXPECT_NE(keeping->ErrorOf("SignalWorkflow:tell"), "");
}

}  // namespace
}  // namespace perdure::testing
