// temporal.toml as paths and values.
//
// All of TOML 1.0 is read; what is neither a text nor a boolean is only named, for no setting is
// of another type. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace perdure::client {

struct TomlValue {
  enum class Kind { text, boolean, table, other };
  Kind kind = Kind::other;
  std::string text = {};  // "true" or "false" of a boolean.
  bool operator==(const TomlValue&) const = default;
};
// The path of each table and key, table by table.
using TomlValues = std::map<std::vector<std::string>, TomlValue>;

// INVALID_ARGUMENT with the line where it cannot be read.
absl::StatusOr<TomlValues> ParseToml(std::string_view text);

}  // namespace perdure::client
