// Small rules about strings that every evaluator of filters must share. Pure functions.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace perdure::query {

// True for well-formed UTF-8 without NUL: what every store can hold as text.
bool IsStorableText(absl::string_view text);

// The least string above all those that start with `prefix`, in byte order (which is code point
// order); empty if there is none. `prefix` is well-formed UTF-8, and so is the result.
std::string PrefixEnd(absl::string_view prefix);

}  // namespace perdure::query
