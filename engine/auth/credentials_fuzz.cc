// Tokens, key sets and key files of any bytes: refused or taken, never a crash. The first byte of
// the input says which of them the rest is.
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "auth/jwt.h"
#include "auth/key_file.h"
#include "base/check.h"

namespace perdure::auth {
namespace {

// Of the example in RFC 8037, so that a corpus may hold a token that is good.
constexpr char kKeys[] =
    R"({"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";

void Feed(char kind, absl::string_view text) {
  if (kind == 'k') {
    const auto keys = KeySet::Parse(text);
    if (keys.ok()) PERDURE_CHECK(!keys->keys().empty());
  } else if (kind == 'f') {
    (void)KeyFile::Parse(text);
  } else {
    static const KeySet keys = *KeySet::Parse(kKeys);
    const auto token = VerifyToken(text, keys, {}, absl::FromUnixSeconds(1'700'000'000));
    if (token.ok()) PERDURE_CHECK(!token->principal.name.empty());
  }
}

}  // namespace
}  // namespace perdure::auth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  perdure::auth::Feed(text[0], text.substr(1));
  return 0;
}
