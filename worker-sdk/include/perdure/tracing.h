// Traces over clients, workflows and activities, in whatever tracing library the program has.
//
// The program implements Tracer; the interceptor starts its spans and sends their context along in
// the header `_tracer-data`, as Temporal's OpenTelemetry interceptors of other languages do, so
// that one trace goes through all of them:
//
//   auto tracing = std::make_shared<perdure::TracingInterceptor>(std::make_shared<MyTracer>());
//   auto client = perdure::Client::connect({.interceptors = {tracing}});
//   perdure::Worker worker(client, {.task_queue = "q", .interceptors = {tracing}});
//
// Spans of workflow code are points in time: a workflow may live longer than any process. They are
// made once, not in replays.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "perdure/client_calls.h"
#include "perdure/interceptor.h"

namespace perdure {

// As it goes over the wire: `traceparent` and what else the tracing library sends (W3C Trace
// Context). Empty: no trace.
using TraceContext = std::map<std::string, std::string, std::less<>>;

enum class span_kind { client, server, internal };
struct SpanStart {
  std::string name;  // "StartActivity:charge"
  span_kind kind = span_kind::internal;
  TraceContext parent;
  std::map<std::string, std::string, std::less<>> attributes;  // "temporalWorkflowID", ...
};

class Span {
 public:
  virtual ~Span() = default;
  // For those that come behind it.
  virtual TraceContext context() const = 0;
  // Once. `error`: empty where all went well.
  virtual void end(std::string_view error) = 0;
};

// Over a tracing library. Thread-safe; throws nothing.
class Tracer {
 public:
  virtual ~Tracer() = default;
  // Null: not traced, and nothing is sent along.
  virtual std::unique_ptr<Span> start_span(const SpanStart& start) = 0;
  // What the calling thread is at work on; the parent of a client's calls.
  virtual TraceContext current() = 0;
  // The calling thread runs an activity in this span; null: no more. Not for activities that are
  // coroutines, which share a thread.
  virtual void make_current(const Span* span) = 0;
};

class TracingInterceptor final : public ClientInterceptor, public WorkerInterceptor {
 public:
  static constexpr std::string_view kHeader = "_tracer-data";
  explicit TracingInterceptor(std::shared_ptr<Tracer> tracer);

  StartOutput start_workflow(StartInput& input, ClientCalls& next) override;
  StartOutput signal_with_start(SignalWithStartInput& input, ClientCalls& next) override;
  UpdateWithStartOutput update_with_start(UpdateWithStartInput& input, ClientCalls& next) override;
  void signal_workflow(SignalInput& input, ClientCalls& next) override;
  Payloads query_workflow(QueryInput& input, ClientCalls& next) override;
  UpdateOutput start_update(UpdateInput& input, ClientCalls& next) override;
  void create_schedule(CreateScheduleInput& input, ClientCalls& next) override;

  std::unique_ptr<WorkflowInterceptor> intercept_workflow() override;
  task<std::optional<Payload>> execute_activity(activity_context& context,
                                                ExecuteActivityInput input,
                                                ActivityNext next) override;

 private:
  const std::shared_ptr<Tracer> tracer_;  // Shared with the program.
};

// In workflow code: the context that travels along here, for spans of the program's own, which it
// starts outside of replays. Empty where there is none.
TraceContext workflow_trace_context();

}  // namespace perdure
