// Options of a client from its environment: variables and temporal.toml, as the other SDKs read
// them.
//
// Pure, but for the files that the settings name.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "perdure/client_options.h"

namespace perdure::client {

struct EnvironmentSource {
  std::map<std::string, std::string> variables;
  // Nothing where there is no such file; an error where it cannot be read.
  std::function<absl::StatusOr<std::optional<std::string>>(const std::string& path)> read_file;
};

// A profile named by `profile` or TEMPORAL_PROFILE must exist; variables stand over the profile.
// INVALID_ARGUMENT says what cannot be understood.
absl::StatusOr<ClientOptions> OptionsFrom(const EnvironmentSource& source,
                                          std::string_view profile);

}  // namespace perdure::client
