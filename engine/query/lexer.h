// Splits the text of a list filter into tokens. Pure; the text is borrowed while lexing only.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace perdure::query {

struct Token {
  enum class Kind { kWord, kQuotedName, kString, kNumber, kSymbol, kEnd };
  Kind kind = Kind::kEnd;
  std::string text;   // words, names and symbols as written; strings without quotes and escapes
  size_t offset = 0;  // in bytes, for messages
};

// Ends with a kEnd token. INVALID_ARGUMENT for what cannot begin a token, an unfinished quotation
// or text that is not UTF-8.
absl::StatusOr<std::vector<Token>> Lex(absl::string_view text);

// "invalid query: " and the rest: how Temporal begins every answer about a filter.
absl::Status InvalidQuery(absl::string_view text);
absl::Status MalformedQuery(size_t offset, absl::string_view near);

}  // namespace perdure::query
