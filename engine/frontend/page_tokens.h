// Page tokens that the frontend makes: they say which list they belong to, so that one from
// elsewhere is refused rather than misread. (Those of stores and of history are opaque to it.)
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace perdure::frontend {

enum class PageTokenKind : char { kNamespaces = 'N', kList = 'L' };

// For lists paged by a number: where the page ended.
std::string WritePageToken(PageTokenKind kind, int64_t after);
// INT64_MIN for an empty token: the first page. INVALID_ARGUMENT for one from elsewhere.
absl::StatusOr<int64_t> ReadPageToken(PageTokenKind kind, absl::string_view token);

// A store's token, bound to what was asked: the same token with another query or namespace is
// refused, since it would skip and repeat rows.
std::string WrapStoreToken(absl::string_view token, absl::string_view name_space_id,
                           absl::string_view query);
absl::StatusOr<std::string> UnwrapStoreToken(absl::string_view wrapped,
                                             absl::string_view name_space_id,
                                             absl::string_view query);

}  // namespace perdure::frontend
