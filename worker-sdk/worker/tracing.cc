#include "perdure/tracing.h"

#include <utility>

#include "perdure/codec.h"
#include "perdure/context_propagator.h"
#include "perdure/schedule.h"
#include "perdure/workflow.h"

namespace perdure {
namespace {

using Attributes = std::map<std::string, std::string, std::less<>>;

// Other languages' headers may be anything.
TraceContext Read(const Payload* payload) {
  if (payload == nullptr) return {};
  try {
    return decode<TraceContext>(*payload);
  } catch (const DecodeError&) {
    return {};
  }
}
TraceContext Read(const PayloadMap& headers) {
  const auto found = headers.find(TracingInterceptor::kHeader);
  return Read(found == headers.end() ? nullptr : &found->second);
}
void Write(const TraceContext& context, PayloadMap* headers) {
  if (context.empty()) return;
  headers->insert_or_assign(std::string(TracingInterceptor::kHeader), encode(context));
}

std::string NameOf(std::string_view what, std::string_view name) {
  return std::string(what) + ":" + std::string(name);
}

// The tracer may look at the clock and lock: it is no workflow code.
class OutsideOfWorkflow {
 public:
  OutsideOfWorkflow() : before_(std::exchange(detail::current_loop, nullptr)) {}
  OutsideOfWorkflow(const OutsideOfWorkflow&) = delete;
  ~OutsideOfWorkflow() { detail::current_loop = before_; }

 private:
  detail::RunLoop* const before_;
};

std::string TextOf(const std::exception_ptr& error) { return failure_of(error)->message; }

// Around a call of a client.
template <class Call>
auto InSpan(Tracer& tracer, SpanStart start, std::initializer_list<PayloadMap*> headers,
            Call call) {
  start.kind = span_kind::client;
  start.parent = tracer.current();
  const std::unique_ptr<Span> span = tracer.start_span(start);
  if (span == nullptr) return call();
  for (PayloadMap* one : headers) Write(span->context(), one);
  try {
    if constexpr (std::is_void_v<decltype(call())>) {
      call();
      span->end({});
    } else {
      auto output = call();
      span->end({});
      return output;
    }
  } catch (const std::exception& error) {
    span->end(error.what());
    throw;
  }
}

Attributes Workflow(const std::string& id) { return {{"temporalWorkflowID", id}}; }

class TracedRun final : public WorkflowInterceptor {
 public:
  explicit TracedRun(std::shared_ptr<Tracer> tracer) : tracer_(std::move(tracer)) {}

  task<Payloads> execute_workflow(ExecuteWorkflowInput input, WorkflowInbound& next) override {
    const TraceContext parent = Travel(input.headers);
    Point(span_kind::server, "RunWorkflow", workflow::info().workflow_type, parent);
    return next.execute_workflow(std::move(input));
  }
  task<void> handle_signal(HandleSignalInput input, WorkflowInbound& next) override {
    const TraceContext parent = Travel(input.headers);
    Point(span_kind::server, "HandleSignal", input.name, parent);
    return next.handle_signal(std::move(input));
  }
  task<Payloads> handle_update(HandleUpdateInput input, WorkflowInbound& next) override {
    const TraceContext parent = Travel(input.headers);
    Point(span_kind::server, "HandleUpdate", input.name, parent, {{"temporalUpdateID", input.id}});
    return next.handle_update(std::move(input));
  }
  // These run once, whether the run is being replayed or not.
  void validate_update(HandleUpdateInput input, WorkflowInbound& next) override {
    PointNow(span_kind::server, "ValidateUpdate", input.name, Read(input.headers),
             {{"temporalUpdateID", input.id}});
    next.validate_update(std::move(input));
  }
  Payloads handle_query(HandleQueryInput input, WorkflowInbound& next) override {
    PointNow(span_kind::server, "HandleQuery", input.name, Read(input.headers));
    return next.handle_query(std::move(input));
  }

  void start_activity(StartActivityInput& input) override {
    Send("StartActivity", input.activity_type, &input.headers);
  }
  void start_local_activity(StartLocalActivityInput& input) override {
    Send("StartActivity", input.activity_type, &input.headers);
  }
  void start_child(StartChildInput& input) override {
    Send("StartChildWorkflow", input.workflow_type, &input.headers);
  }
  void signal_external(SignalExternalInput& input) override {
    Send(input.child_only ? "SignalChildWorkflow" : "SignalExternalWorkflow", input.signal_name,
         &input.headers);
  }

 private:
  // What came goes along with what is started from here on, also where a replay makes no spans.
  TraceContext Travel(const PayloadMap& headers) {
    const auto found = headers.find(TracingInterceptor::kHeader);
    if (found != headers.end()) workflow::propagate_payload(found->first, found->second);
    return workflow_trace_context();
  }
  TraceContext Point(span_kind kind, std::string_view what, std::string_view name,
                     const TraceContext& parent, Attributes attributes = {}) {
    if (workflow::replaying()) return {};
    return PointNow(kind, what, name, parent, std::move(attributes));
  }
  TraceContext PointNow(span_kind kind, std::string_view what, std::string_view name,
                        const TraceContext& parent, Attributes attributes = {}) {
    attributes["temporalWorkflowID"] = workflow::info().workflow_id;
    attributes["temporalRunID"] = workflow::info().run_id;
    const OutsideOfWorkflow outside;
    const auto span =
        tracer_->start_span({NameOf(what, name), kind, parent, std::move(attributes)});
    if (span == nullptr) return {};
    span->end({});
    return span->context();
  }
  void Send(std::string_view what, std::string_view name, PayloadMap* headers) {
    Write(Point(span_kind::client, what, name, Read(*headers)), headers);
  }

  const std::shared_ptr<Tracer> tracer_;  // Shared with the interceptor and other runs.
};

}  // namespace

TracingInterceptor::TracingInterceptor(std::shared_ptr<Tracer> tracer)
    : tracer_(std::move(tracer)) {}

StartOutput TracingInterceptor::start_workflow(StartInput& input, ClientCalls& next) {
  return InSpan(*tracer_,
                {.name = NameOf("StartWorkflow", input.workflow_type),
                 .attributes = Workflow(input.workflow_id)},
                {&input.headers}, [&] { return next.start_workflow(input); });
}
StartOutput TracingInterceptor::signal_with_start(SignalWithStartInput& input, ClientCalls& next) {
  return InSpan(*tracer_,
                {.name = NameOf("SignalWithStartWorkflow", input.start.workflow_type),
                 .attributes = Workflow(input.start.workflow_id)},
                {&input.start.headers}, [&] { return next.signal_with_start(input); });
}
UpdateWithStartOutput TracingInterceptor::update_with_start(UpdateWithStartInput& input,
                                                            ClientCalls& next) {
  return InSpan(*tracer_,
                {.name = NameOf("StartUpdateWithStartWorkflow", input.start.workflow_type),
                 .attributes = Workflow(input.start.workflow_id)},
                {&input.start.headers, &input.update.headers},
                [&] { return next.update_with_start(input); });
}
void TracingInterceptor::signal_workflow(SignalInput& input, ClientCalls& next) {
  InSpan(*tracer_,
         {.name = NameOf("SignalWorkflow", input.name),
          .attributes = Workflow(input.target.workflow_id)},
         {&input.headers}, [&] { next.signal_workflow(input); });
}
Payloads TracingInterceptor::query_workflow(QueryInput& input, ClientCalls& next) {
  return InSpan(*tracer_,
                {.name = NameOf("QueryWorkflow", input.name),
                 .attributes = Workflow(input.target.workflow_id)},
                {&input.headers}, [&] { return next.query_workflow(input); });
}
UpdateOutput TracingInterceptor::start_update(UpdateInput& input, ClientCalls& next) {
  return InSpan(*tracer_,
                {.name = NameOf("StartWorkflowUpdate", input.name),
                 .attributes = Workflow(input.target.workflow_id)},
                {&input.headers}, [&] { return next.start_update(input); });
}
void TracingInterceptor::create_schedule(CreateScheduleInput& input, ClientCalls& next) {
  InSpan(*tracer_, {.name = NameOf("CreateSchedule", input.schedule_id)},
         {&input.schedule.action.headers}, [&] { next.create_schedule(input); });
}

std::unique_ptr<WorkflowInterceptor> TracingInterceptor::intercept_workflow() {
  return std::make_unique<TracedRun>(tracer_);
}

task<std::optional<Payload>> TracingInterceptor::execute_activity(activity_context& context,
                                                                  ExecuteActivityInput input,
                                                                  ActivityNext next) {
  const ActivityInfo& info = context.info();
  SpanStart start;
  start.name = NameOf("RunActivity", info.activity_type);
  start.kind = span_kind::server;
  start.parent = Read(input.headers);
  start.attributes["temporalWorkflowID"] = info.workflow_id;
  start.attributes["temporalRunID"] = info.workflow_run_id;
  start.attributes["temporalActivityID"] = info.activity_id;
  const std::unique_ptr<Span> span = tracer_->start_span(start);
  const bool is_current = span != nullptr && detail::ActivityLoop::Get().has_own_thread();
  if (is_current) tracer_->make_current(span.get());
  std::optional<Payload> result;
  std::exception_ptr error;
  try {
    result = co_await next(context, std::move(input));
  } catch (...) {
    error = std::current_exception();
  }
  if (is_current) tracer_->make_current(nullptr);
  if (span != nullptr) span->end(error ? TextOf(error) : std::string());
  if (error) std::rethrow_exception(error);
  co_return result;
}

TraceContext workflow_trace_context() {
  return Read(workflow::propagated_payload(TracingInterceptor::kHeader));
}

}  // namespace perdure
