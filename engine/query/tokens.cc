#include "query/tokens.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace perdure::query {

std::vector<std::string> Tokenize(absl::string_view text) {
  std::vector<std::string> tokens;
  std::string token;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || absl::ascii_isalnum(byte)) {
      token.push_back(absl::ascii_tolower(byte));
    } else if (!token.empty()) {
      tokens.push_back(std::move(token));
      token.clear();
    }
  }
  if (!token.empty()) tokens.push_back(std::move(token));
  return tokens;
}

bool HasAnyToken(absl::string_view text, const std::vector<std::string>& tokens) {
  for (const std::string& token : Tokenize(text)) {
    if (std::find(tokens.begin(), tokens.end(), token) != tokens.end()) return true;
  }
  return false;
}

}  // namespace perdure::query
