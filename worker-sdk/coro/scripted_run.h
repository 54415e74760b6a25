// For tests: a workflow's code driven by hand, activation by activation.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "perdure/workflow.h"

namespace perdure::detail {

class ScriptedRun {
 public:
  template <class W>
  static ScriptedRun Of(std::vector<std::shared_ptr<WorkerInterceptor>> interceptors = {},
                        std::vector<std::string> propagated = {}) {
    ScriptedRun run;
    run.options_->interceptors = std::move(interceptors);
    run.options_->propagated = std::move(propagated);
    *run.definition_ = definition_of<W>();
    run.options_->log = [lines = run.lines_.get()](int, const RunInfo&, std::string_view text) {
      // As sinks do, which write the time.
      static_cast<void>(std::chrono::system_clock::now());
      lines->emplace_back(text);
    };
    run.program_ = run.definition_->make(*run.options_);
    return run;
  }
  void Measure(std::shared_ptr<MetricsSink> sink) { options_->metrics = std::move(sink); }
  template <class... A>
  Completion Start(const A&... inputs) {
    StartWorkflowJob job;
    job.info.namespace_ = "space";
    job.info.task_queue = "queue";
    job.info.workflow_id = "w";
    job.info.run_id = "r";
    job.info.workflow_type = definition_->type;
    job.input = EncodeValues(inputs...);
    job.info.headers = headers;
    job.randomness_seed = 7;
    return Do(std::move(job));
  }
  template <class... J>
  Completion Do(J... jobs) {
    Activation activation = about;
    activation.now = now;
    activation.replaying = replaying;
    (activation.jobs.push_back(Job(std::move(jobs))), ...);
    Completion completion;
    program_->Activate(activation, &completion);
    return completion;
  }
  template <class... A>
  Completion Signal(const char* name, const A&... inputs) {
    SignalWorkflowJob job;
    job.name = name;
    job.input = EncodeValues(inputs...);
    job.headers = headers;
    return Do(std::move(job));
  }
  template <class... A>
  Completion Update(const char* id, const char* name, const A&... inputs) {
    DoUpdateJob job;
    job.id = job.protocol_instance_id = id;
    job.name = name;
    job.input = EncodeValues(inputs...);
    job.headers = headers;
    return Do(std::move(job));
  }
  template <class R>
  R Query(const char* name) {
    return decode_result<R>(Answer(name));
  }
  Payload QueryPayload(const char* name) { return Answer(name).at(0); }
  template <class T>
  Completion Resolve(std::uint32_t seq, const T& value) {
    ResolveActivityJob job;
    job.seq = seq;
    job.result = CompletedResult{encode(value)};
    return Do(std::move(job));
  }
  Completion Fire(std::uint32_t seq) { return Do(FireTimerJob{seq}); }
  void Evict() { program_.reset(); }
  std::int64_t memory_bytes() const { return program_->memory_bytes(); }
  const std::vector<std::string>& lines() const { return *lines_; }
  ProgramOptions& options() { return *options_; }

  Activation about;  // What each activation tells, beside jobs, time and whether it is a replay.
  Timestamp now{};
  PayloadMap headers;  // Of what comes next by Start, Signal, Update and Query.
  bool replaying = false;

 private:
  Payloads Answer(const char* name) {
    QueryJob job;
    job.id = "q";
    job.name = name;
    job.headers = headers;
    Completion completion = Do(std::move(job));
    auto& result = std::get<QueryResultCommand>(completion.commands.at(0));
    if (auto* failure = std::get_if<FailurePtr>(&result.outcome)) throw_failure(*failure);
    return std::move(std::get<Payloads>(result.outcome));
  }

  std::unique_ptr<WorkflowDefinition> definition_ = std::make_unique<WorkflowDefinition>();
  std::unique_ptr<ProgramOptions> options_ = std::make_unique<ProgramOptions>();
  std::unique_ptr<std::vector<std::string>> lines_ = std::make_unique<std::vector<std::string>>();
  std::unique_ptr<Program> program_;
};

// The commands' kinds in order, as one text: "timer activity complete".
inline std::string Kinds(const Completion& completion) {
  static constexpr const char* kNames[] = {
      "timer",       "cancel-timer",  "activity",        "cancel-activity",
      "local",       "cancel-local",  "child",           "cancel-child",
      "signal",      "cancel-signal", "cancel-external", "patch",
      "side-effect", "mutable",       "search",          "memo",
      "accept",      "reject",        "update-done",     "answer",
      "complete",    "fail",          "cancel",          "continue"};
  std::string text;
  for (const Command& command : completion.commands) {
    if (!text.empty()) text += ' ';
    text += kNames[command.index()];
  }
  if (completion.task_failure) text += "!" + completion.task_failure->message;
  return text;
}

}  // namespace perdure::detail
