#include "frontend/page_tokens.h"

#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace perdure::frontend {
namespace {

absl::Status Foreign() { return base::InvalidArgument("Invalid NextPageToken."); }

// FNV-1a: stable across processes, since a token may be used against another server.
uint64_t Fingerprint(absl::string_view name_space_id, absl::string_view query) {
  uint64_t hash = 14695981039346656037ULL;
  const auto mix = [&hash](absl::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211ULL;
    hash = (hash ^ 0xff) * 1099511628211ULL;
  };
  mix(name_space_id);
  mix(query);
  return hash;
}

std::string ListPrefix(absl::string_view name_space_id, absl::string_view query) {
  return absl::StrCat(std::string(1, static_cast<char>(PageTokenKind::kList)),
                      absl::Hex(Fingerprint(name_space_id, query), absl::kZeroPad16), ":");
}

}  // namespace

std::string WritePageToken(PageTokenKind kind, int64_t after) {
  return absl::StrCat(std::string(1, static_cast<char>(kind)), after);
}

absl::StatusOr<int64_t> ReadPageToken(PageTokenKind kind, absl::string_view token) {
  if (token.empty()) return INT64_MIN;
  int64_t after = 0;
  if (token[0] != static_cast<char>(kind)) return Foreign();
  if (!absl::SimpleAtoi(token.substr(1), &after)) return Foreign();
  // Numbers that are written otherwise ("+7", "007") were not made here.
  if (WritePageToken(kind, after) != token) return Foreign();
  return after;
}

std::string WrapStoreToken(absl::string_view token, absl::string_view name_space_id,
                           absl::string_view query) {
  if (token.empty()) return "";
  return absl::StrCat(ListPrefix(name_space_id, query), token);
}

absl::StatusOr<std::string> UnwrapStoreToken(absl::string_view wrapped,
                                             absl::string_view name_space_id,
                                             absl::string_view query) {
  if (wrapped.empty()) return std::string();
  const std::string prefix = ListPrefix(name_space_id, query);
  // An empty token of the store is the first page, which has no token.
  if (!absl::StartsWith(wrapped, prefix) || wrapped.size() == prefix.size()) return Foreign();
  return std::string(wrapped.substr(prefix.size()));
}

}  // namespace perdure::frontend
