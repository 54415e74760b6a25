// Brings a run into memory that has work to do and nobody who asks for it. Loop-bound.
#pragma once

#include <string>

#include "history/core.h"

namespace perdure::history {

// Loads the run, which takes up its work by itself; tries again while the store is away, for as
// long as this process serves.
void Revive(Core& core, const services::NamespacePtr& name_space, const std::string& workflow_id,
            const std::string& run_id);

}  // namespace perdure::history
