#include "auth/jwt.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "auth/freed.h"
#include "base/errors.h"
#include "nlohmann/json.hpp"
#include "openssl/core_names.h"
#include "openssl/ecdsa.h"
#include "openssl/evp.h"
#include "openssl/param_build.h"

namespace perdure::auth {
namespace {

using base::InvalidArgument;
using nlohmann::json;
using Algorithm = KeySet::Algorithm;
using Number = Freed<BIGNUM, BN_free>;

constexpr int kRsaBitsMin = 2048;
constexpr size_t kEs256PartSize = 32;
constexpr size_t kTokenSizeMax = 16 << 10;

absl::Status Refuse(absl::string_view why) {
  return absl::UnauthenticatedError(absl::StrCat("The token ", why, "."));
}

// Only the one spelling that an encoder writes: no padding, no stray bits at the end.
std::optional<std::string> Decode(absl::string_view text) {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(text, &bytes)) return std::nullopt;
  if (absl::WebSafeBase64Escape(bytes) != text) return std::nullopt;
  return bytes;
}

std::optional<json> DecodeObject(absl::string_view text) {
  const auto bytes = Decode(text);
  if (!bytes.has_value()) return std::nullopt;
  json value = json::parse(*bytes, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) return std::nullopt;
  return value;
}

// Empty if it is not there or no text.
std::string TextOf(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const unsigned char* Bytes(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::shared_ptr<EVP_PKEY> Share(EVP_PKEY* key) {
  return key == nullptr ? nullptr : std::shared_ptr<EVP_PKEY>(key, &EVP_PKEY_free);
}

std::shared_ptr<EVP_PKEY> FromParameters(const char* kind, OSSL_PARAM_BLD& builder) {
  const Freed<OSSL_PARAM, OSSL_PARAM_free> parameters(OSSL_PARAM_BLD_to_param(&builder));
  const Freed<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(
      EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_fromdata_init(context.get()) != 1) return nullptr;
  if (EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return nullptr;
  }
  return Share(key);
}

std::shared_ptr<EVP_PKEY> RsaKey(const json& jwk) {
  const auto n = Decode(TextOf(jwk, "n"));
  const auto e = Decode(TextOf(jwk, "e"));
  if (!n.has_value() || !e.has_value() || n->empty() || e->empty()) return nullptr;
  const Number modulus(BN_bin2bn(Bytes(*n), static_cast<int>(n->size()), nullptr));
  const Number exponent(BN_bin2bn(Bytes(*e), static_cast<int>(e->size()), nullptr));
  if (BN_num_bits(modulus.get()) < kRsaBitsMin) return nullptr;
  const Freed<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
  return FromParameters("RSA", *builder);
}

std::shared_ptr<EVP_PKEY> P256Key(const json& jwk) {
  const auto x = Decode(TextOf(jwk, "x"));
  const auto y = Decode(TextOf(jwk, "y"));
  if (!x.has_value() || x->size() != kEs256PartSize) return nullptr;
  if (!y.has_value() || y->size() != kEs256PartSize) return nullptr;
  const std::string point = absl::StrCat("\x04", *x, *y);  // uncompressed
  const Freed<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  return FromParameters("EC", *builder);
}

std::shared_ptr<EVP_PKEY> Ed25519Key(const json& jwk) {
  const auto x = Decode(TextOf(jwk, "x"));
  if (!x.has_value()) return nullptr;
  return Share(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(*x), x->size()));
}

absl::string_view NameOf(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kRs256:
      return "RS256";
    case Algorithm::kEs256:
      return "ES256";
    case Algorithm::kEdDsa:
      return "EdDSA";
  }
  return "";
}

// Which algorithm a key is for; none if it is not for signatures, or for others.
std::optional<Algorithm> AlgorithmOf(const json& jwk) {
  const std::string kind = TextOf(jwk, "kty");
  const std::string curve = TextOf(jwk, "crv");
  const std::string use = TextOf(jwk, "use");
  const std::string named = TextOf(jwk, "alg");
  std::optional<Algorithm> algorithm;
  if (kind == "RSA") algorithm = Algorithm::kRs256;
  if (kind == "EC" && curve == "P-256") algorithm = Algorithm::kEs256;
  if (kind == "OKP" && curve == "Ed25519") algorithm = Algorithm::kEdDsa;
  if (!algorithm.has_value() || (!use.empty() && use != "sig")) return std::nullopt;
  if (!named.empty() && named != NameOf(*algorithm)) return std::nullopt;
  return algorithm;
}

// A token has r and s one after the other, OpenSSL wants them in DER.
std::string DerOf(const std::string& signature) {
  if (signature.size() != 2 * kEs256PartSize) return "";
  const Freed<ECDSA_SIG, ECDSA_SIG_free> pair(ECDSA_SIG_new());
  Number r(BN_bin2bn(Bytes(signature), kEs256PartSize, nullptr));
  Number s(BN_bin2bn(Bytes(signature) + kEs256PartSize, kEs256PartSize, nullptr));
  ECDSA_SIG_set0(pair.get(), r.release(), s.release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  std::string text(reinterpret_cast<char*>(der), static_cast<size_t>(std::max(size, 0)));
  OPENSSL_free(der);
  return text;
}

bool IsSignedBy(const KeySet::Key& key, absl::string_view text, const std::string& signature) {
  const std::string raw = key.algorithm == Algorithm::kEs256 ? DerOf(signature) : signature;
  const Freed<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  const EVP_MD* digest = key.algorithm == Algorithm::kEdDsa ? nullptr : EVP_sha256();
  if (EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key.key.get()) != 1) {
    return false;
  }
  return EVP_DigestVerify(context.get(), Bytes(raw), raw.size(),
                          reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
}

// Seconds since 1970, with or without a fraction.
std::optional<absl::Time> TimeOf(const json& claims, const char* name) {
  const auto found = claims.find(name);
  if (found == claims.end() || !found->is_number()) return std::nullopt;
  const double seconds = found->get<double>();
  if (!std::isfinite(seconds)) return std::nullopt;
  return absl::UnixEpoch() + absl::Seconds(seconds);
}

bool IsForAudience(const json& claims, const std::string& audience) {
  const auto found = claims.find("aud");
  if (found == claims.end()) return false;
  if (found->is_string()) return found->get_ref<const std::string&>() == audience;
  return found->is_array() && std::find(found->begin(), found->end(), audience) != found->end();
}

// By its whole name, which may hold dots itself (they are often URLs), or else step by step.
const json* FindClaim(const json& claims, const std::string& path) {
  if (const auto whole = claims.find(path); whole != claims.end()) return &*whole;
  const json* at = &claims;
  for (const absl::string_view step : absl::StrSplit(path, '.')) {
    if (!at->is_object()) return nullptr;
    const auto next = at->find(std::string(step));
    if (next == at->end()) return nullptr;
    at = &*next;
  }
  return at;
}

// Texts that are no permissions are passed over: claims are shared with other systems.
void GrantAll(const json& claims, const std::string& path, Principal& principal) {
  const json* claim = FindClaim(claims, path);
  if (claim == nullptr) return;
  if (claim->is_string()) {
    const std::string& list = claim->get_ref<const std::string&>();
    for (const absl::string_view one : absl::StrSplit(list, ' ')) principal.Grant(one);
  }
  if (!claim->is_array()) return;
  for (const json& one : *claim) {
    if (one.is_string()) principal.Grant(one.get_ref<const std::string&>());
  }
}

absl::StatusOr<VerifiedToken> ReadClaims(const json& claims, const TokenRules& rules,
                                         absl::Time now) {
  const auto expiry = TimeOf(claims, "exp");
  if (!expiry.has_value()) return Refuse("has no expiry (exp)");
  if (now >= *expiry + rules.clock_skew) return Refuse("has expired");
  for (const char* name : {"nbf", "iat"}) {
    const auto from = TimeOf(claims, name);
    if (!from.has_value() && claims.contains(name)) return Refuse("has a time that is no number");
    if (from.has_value() && now < *from - rules.clock_skew) return Refuse("is not valid yet");
  }
  if (!rules.issuer.empty() && TextOf(claims, "iss") != rules.issuer) {
    return Refuse("is of another issuer (iss)");
  }
  if (!rules.audience.empty() && !IsForAudience(claims, rules.audience)) {
    return Refuse("is for another audience (aud)");
  }
  VerifiedToken token;
  token.principal.name = TextOf(claims, "sub");
  if (token.principal.name.empty()) return Refuse("has no subject (sub)");
  token.valid_until = *expiry + rules.clock_skew;
  GrantAll(claims, rules.permissions_claim, token.principal);
  return token;
}

}  // namespace

absl::StatusOr<KeySet> KeySet::Parse(absl::string_view text) {
  const json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object() || !root.contains("keys") || !root["keys"].is_array()) {
    return InvalidArgument("not a JWK set: no list `keys`");
  }
  KeySet set;
  for (const json& jwk : root["keys"]) {
    if (!jwk.is_object()) return InvalidArgument("keys: one of them is no object");
    const auto algorithm = AlgorithmOf(jwk);
    if (!algorithm.has_value()) continue;
    Key key{.id = TextOf(jwk, "kid"), .algorithm = *algorithm};
    switch (*algorithm) {
      case Algorithm::kRs256:
        key.key = RsaKey(jwk);
        break;
      case Algorithm::kEs256:
        key.key = P256Key(jwk);
        break;
      case Algorithm::kEdDsa:
        key.key = Ed25519Key(jwk);
        break;
    }
    if (key.key == nullptr) {
      return InvalidArgument(absl::StrCat("keys: the key with kid \"", key.id, "\" is no ",
                                          NameOf(*algorithm), " key (RSA from ", kRsaBitsMin,
                                          " bits)"));
    }
    set.keys_.push_back(std::move(key));
  }
  if (set.keys_.empty()) return InvalidArgument("keys: none is for RS256, ES256 or EdDSA");
  return set;
}

bool KeySet::Has(absl::string_view id) const {
  return std::any_of(keys_.begin(), keys_.end(), [id](const Key& key) { return key.id == id; });
}

bool LooksLikeToken(absl::string_view text) {
  return std::count(text.begin(), text.end(), '.') == 2 && absl::StartsWith(text, "ey");
}

absl::StatusOr<VerifiedToken> VerifyToken(absl::string_view token, const KeySet& keys,
                                          const TokenRules& rules, absl::Time now) {
  if (token.size() > kTokenSizeMax) return Refuse("is too long");
  const std::vector<absl::string_view> parts = absl::StrSplit(token, '.');
  if (parts.size() != 3) return Refuse("is no JSON Web Token");
  const auto header = DecodeObject(parts[0]);
  const auto claims = DecodeObject(parts[1]);
  const auto signature = Decode(parts[2]);
  if (!header.has_value() || !claims.has_value() || !signature.has_value()) {
    return Refuse("is malformed");
  }
  // Extensions that must be understood, and none are.
  if (header->contains("crit")) return Refuse("demands extensions (crit)");
  const std::string algorithm = TextOf(*header, "alg");
  const std::string id = TextOf(*header, "kid");
  bool is_known = false;
  for (const KeySet::Key& key : keys.keys()) {
    if (NameOf(key.algorithm) != algorithm || (!id.empty() && key.id != id)) continue;
    is_known = true;
    const absl::string_view text = token.substr(0, parts[0].size() + 1 + parts[1].size());
    if (IsSignedBy(key, text, *signature)) return ReadClaims(*claims, rules, now);
  }
  if (is_known) return Refuse("has a wrong signature");
  const bool is_supported = algorithm == "RS256" || algorithm == "ES256" || algorithm == "EdDSA";
  if (!is_supported) return Refuse("is not signed by RS256, ES256 or EdDSA");
  if (keys.Has(id)) return Refuse("names a key of another algorithm");
  return absl::NotFoundError("The token is signed by a key that is not known here.");
}

}  // namespace perdure::auth
