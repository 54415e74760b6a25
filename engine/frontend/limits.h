// The settings as the values that requests are held to.
#pragma once

#include "base/settings.h"
#include "services/namespaces.h"

namespace perdure::frontend {

services::Limits LimitsFrom(const base::Settings& settings);

}  // namespace perdure::frontend
