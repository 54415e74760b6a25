// The part of TOML that temporal.toml is written in.
//
// Read: tables with dotted and quoted names, key = value with strings of all four forms, booleans
// and integers, inline tables, comments. Not read: arrays, dates, floats; a file that has them is
// refused with the line's number. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace perdure::client {

// The path of a key, table by table, to its value; booleans and integers as they are written.
using TomlValues = std::map<std::vector<std::string>, std::string>;

// INVALID_ARGUMENT with the line where it cannot be read.
absl::StatusOr<TomlValues> ParseToml(std::string_view text);

}  // namespace perdure::client
