#include "perdure/replayer.h"

#include "perdure/context_propagator.h"
#include "worker-sdk/core/replay.h"

namespace perdure {

Replayer::Replayer(ReplayerOptions options) : options_(std::move(options)) {
  program_options_.workflow_failure_types = options_.workflow_failure_types;
  program_options_.interceptors = options_.interceptors;
  program_options_.failure_converter = options_.failure_converter;
  for (const auto& one : options_.context_propagators) {
    program_options_.propagated.emplace_back(one->name());
  }
}

ReplayResult Replayer::replay(const History& history) const {
  ReplayResult result;
  result.workflow_id = history.workflow_id();
  temporal::api::history::v1::History events;
  if (!events.ParseFromString(history.serialized())) {
    result.ok = false;
    result.message = "not a history: its bytes are no temporal.api.history.v1.History";
    return result;
  }
  core::ReplayOptions options;
  options.run.namespace_ = options_.namespace_;
  options.workflow_id = history.workflow_id();
  options.at_every_task = options_.at_every_task;
  const detail::WorkflowDefinition* dynamic = nullptr;
  for (const detail::WorkflowDefinition& one : definitions_) {
    if (one.type.empty()) dynamic = &one;
    if (!one.type.empty()) {
      options.run.registered_types += (options.run.registered_types.empty() ? "" : ", ") + one.type;
    }
  }
  const core::MakeProgram make_program =
      [&](const std::string& type) -> std::unique_ptr<detail::Program> {
    for (const detail::WorkflowDefinition& one : definitions_) {
      if (one.type == type) return one.make(program_options_);
    }
    return dynamic == nullptr ? nullptr : dynamic->make(program_options_);
  };
  core::ReplayResult replayed = core::ReplayHistory(std::move(events), options, make_program);
  result.ok = replayed.ok;
  result.is_nondeterminism = replayed.is_nondeterminism;
  result.message = std::move(replayed.message);
  return result;
}

std::vector<ReplayResult> Replayer::replay(const std::vector<History>& histories) const {
  std::vector<ReplayResult> results;
  results.reserve(histories.size());
  for (const History& one : histories) results.push_back(replay(one));
  return results;
}

}  // namespace perdure
