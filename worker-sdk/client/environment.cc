#include "perdure/client_options.h"

namespace perdure {
ClientOptions ClientOptions::from_environment(std::string_view profile) { return {}; }
}  // namespace perdure
