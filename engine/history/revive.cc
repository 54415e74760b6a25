#include "history/revive.h"

#include "base/errors.h"

namespace perdure::history {

void Revive(Core& core, const services::NamespacePtr& name_space, const std::string& workflow_id,
            const std::string& run_id) {
  core.With(name_space, workflow_id, run_id,
            [&core, name_space, workflow_id, run_id](const absl::StatusOr<ExecutionPtr>& found) {
              if (found.ok() || found.status().code() == absl::StatusCode::kNotFound) return;
              // Whoever has its shard now sees to it.
              if (!core.is_serving() || base::IsShardMoved(found.status())) return;
              const auto delay = absl::Milliseconds(200 + core.loop().random().Below(800));
              core.loop().After(delay, [&core, name_space, workflow_id, run_id] {
                if (core.is_serving()) Revive(core, name_space, workflow_id, run_id);
              });
            });
}

}  // namespace perdure::history
