#include <stdexcept>

#include "bench/cpp/scenario.h"
#include "bench/cpp/workflows.h"

namespace perdure::bench {

Figures Activation(const SdkOptions& options) {
  const std::int64_t count = options.count > 0 ? options.count : 1000000;
  const detail::WorkflowDefinition definition = detail::definition_of<Timers>();
  const detail::ProgramOptions program_options;
  const std::unique_ptr<detail::Program> program = definition.make(program_options);
  detail::StartWorkflowJob start;
  start.input = {encode(static_cast<int>(count) + 1)};
  detail::Activation activation;
  activation.jobs.emplace_back(std::move(start));
  detail::Completion completion;
  program->Activate(activation, &completion);
  const double begin = OwnCpuSeconds();
  for (std::int64_t i = 0; i < count; ++i) {
    const auto* timer = completion.commands.size() == 1
                            ? std::get_if<detail::StartTimerCommand>(&completion.commands[0])
                            : nullptr;
    if (timer == nullptr) throw std::runtime_error("the workflow did not start its next timer");
    const std::uint32_t seq = timer->seq;
    activation.jobs.clear();
    activation.jobs.emplace_back(detail::FireTimerJob{seq});
    completion.commands.clear();
    program->Activate(activation, &completion);
  }
  return {{"activation_ns", (OwnCpuSeconds() - begin) / static_cast<double>(count) * 1e9},
          {"run_bytes", static_cast<double>(program->memory_bytes())}};
}

}  // namespace perdure::bench
