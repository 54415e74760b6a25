// Fuzz target: a page token, whoever made it, is taken for what it is or refused.
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "frontend/page_tokens.h"
#include "store/checks.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using perdure::frontend::PageTokenKind;
  const absl::string_view token(reinterpret_cast<const char*>(data), size);
  for (const PageTokenKind kind : {PageTokenKind::kNamespaces, PageTokenKind::kList}) {
    const auto after = perdure::frontend::ReadPageToken(kind, token);
    if (after.ok() && !token.empty()) {
      PERDURE_CHECK(perdure::frontend::WritePageToken(kind, *after) == token);
    }
  }
  const auto inner = perdure::frontend::UnwrapStoreToken(token, "id", "WorkflowId = 'x'");
  if (inner.ok() && !token.empty()) {
    PERDURE_CHECK(perdure::frontend::WrapStoreToken(*inner, "id", "WorkflowId = 'x'") == token);
  }
  const auto position = perdure::store::DecodePageToken(token);
  if (position.ok()) PERDURE_CHECK(perdure::store::EncodePageToken(*position) == token);
  return 0;
}
