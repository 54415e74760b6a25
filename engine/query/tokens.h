// How Text attributes are split into the words that `=` matches: the same rule in every store.
//
// A token is a run of ASCII letters (lower-cased), digits and bytes above 127. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace perdure::query {

std::vector<std::string> Tokenize(absl::string_view text);
// True if `text` holds at least one of the tokens.
bool HasAnyToken(absl::string_view text, const std::vector<std::string>& tokens);

}  // namespace perdure::query
