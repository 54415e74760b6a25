// Traces that go through both languages: a tracer that keeps its spans for the test to read.
#pragma once

#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "perdure/tracing.h"
#include "perdure/worker.h"
#include "perdure/workflow.h"

namespace interop {

using namespace std::chrono_literals;

class ListingTracer final : public perdure::Tracer {
 public:
  class Listed final : public perdure::Span {
   public:
    Listed(std::string trace, std::string id) : trace_(std::move(trace)), id_(std::move(id)) {}
    perdure::TraceContext context() const override {
      return {{"traceparent", "00-" + trace_ + "-" + id_ + "-01"}};
    }
    void end(std::string_view) override {}

   private:
    const std::string trace_, id_;
  };

  std::unique_ptr<perdure::Span> start_span(const perdure::SpanStart& start) override {
    const std::lock_guard lock(mutex_);
    std::string trace = digits(32), parent = "none";
    if (const auto found = start.parent.find("traceparent"); found != start.parent.end()) {
      trace = found->second.substr(3, 32);
      parent = found->second.substr(36, 16);
    }
    const std::string id = digits(16);
    spans_.push_back(start.name + " " + trace + " " + id + " " + parent);
    return std::make_unique<Listed>(trace, id);
  }
  perdure::TraceContext current() override { return {}; }
  void make_current(const perdure::Span*) override {}

  // "NAME TRACE ID PARENT" of each so far.
  std::vector<std::string> spans() const {
    const std::lock_guard lock(mutex_);
    return spans_;
  }

 private:
  std::string digits(int count) {
    std::string text;
    while (count-- > 0) text += "0123456789abcdef"[random_() % 16];
    return text;
  }
  mutable std::mutex mutex_;
  std::mt19937_64 random_{std::random_device{}()};
  std::vector<std::string> spans_;
};

inline const auto tracer = std::make_shared<ListingTracer>();

inline std::vector<std::string> cpp_spans() { return tracer->spans(); }

struct CppTraced {
  perdure::task<std::vector<std::string>> run(std::string python_queue) {
    co_await perdure::workflow::activity_by_name<void>(
        "py_traced", {.start_to_close = 10s, .task_queue = python_queue});
    co_return co_await perdure::workflow::activity<&cpp_spans>({.start_to_close = 10s});
  }
  using handlers = perdure::define<perdure::entry<&CppTraced::run>>;
};

inline int work_traced(const perdure::Client& client, const std::string& queue) {
  perdure::Worker worker(client,
                         {.task_queue = queue,
                          .interceptors = {std::make_shared<perdure::TracingInterceptor>(tracer)}});
  worker.workflow<CppTraced>().activity<&cpp_spans>();
  std::cout << "ready" << std::endl;
  worker.run_until_signal();
  return 0;
}

}  // namespace interop
