// JSON Web Tokens: the keys they are signed with (a JWK set), and whether a token is good.
//
// RS256, ES256 and EdDSA (Ed25519). Signatures are OpenSSL's work; this decides what is signed, by
// which key, for whom and until when. Errors never repeat a token.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "auth/principal.h"

struct evp_pkey_st;

namespace perdure::auth {

// Value, immutable. Copies share the keys, which OpenSSL lets threads use at once.
class KeySet {
 public:
  enum class Algorithm { kRs256, kEs256, kEdDsa };
  struct Key {
    std::string id;  // `kid`; may be empty
    Algorithm algorithm = Algorithm::kRs256;
    std::shared_ptr<evp_pkey_st> key;
  };

  // A JWK set. Keys of kinds that are not for these algorithms are left out. INVALID_ARGUMENT if it
  // is no JWK set, one of its keys is malformed, or none is left.
  static absl::StatusOr<KeySet> Parse(absl::string_view json);

  const std::vector<Key>& keys() const { return keys_; }
  bool Has(absl::string_view id) const;

 private:
  std::vector<Key> keys_;
};

// Value.
struct TokenRules {
  std::string issuer;    // empty: any
  std::string audience;  // empty: any
  // Where the list of permissions stands in the claims: a claim's name, or names joined by dots.
  std::string permissions_claim = "permissions";
  absl::Duration clock_skew = absl::Seconds(60);
};

// Value.
struct VerifiedToken {
  Principal principal;
  absl::Time valid_until;  // its expiry and the clock skew
};

// UNAUTHENTICATED says which rule the token breaks. NOT_FOUND: signed by a key that is not in the
// set, which may have been exchanged since it was read. A token without a subject or an expiry is
// refused.
absl::StatusOr<VerifiedToken> VerifyToken(absl::string_view token, const KeySet& keys,
                                          const TokenRules& rules, absl::Time now);

// Whether it has the three parts of a token.
bool LooksLikeToken(absl::string_view text);

}  // namespace perdure::auth
