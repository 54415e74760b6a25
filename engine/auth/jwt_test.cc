#include "auth/jwt.h"

#include "auth/test_tokens.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace perdure::auth {
namespace {

using Algorithm = KeySet::Algorithm;
using testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
constexpr char kClaims[] =
    R"({"sub":"ann","exp":1700000100,"iss":"me","aud":["perdure","x"],"permissions":["a:read","b:write"]})";

std::string ErrorOf(const std::string& token, const KeySet& keys, const TokenRules& rules = {},
                    absl::Time now = kNow) {
  const auto verified = VerifyToken(token, keys, rules, now);
  return verified.ok() ? "" : std::string(verified.status().message());
}

class EveryAlgorithm : public testing::TestWithParam<Algorithm> {
 protected:
  const TestKey key_{GetParam(), "k1"};
  const KeySet keys_ = *KeySet::Parse(key_.Set());
};
INSTANTIATE_TEST_SUITE_P(, EveryAlgorithm,
                         testing::Values(Algorithm::kRs256, Algorithm::kEs256, Algorithm::kEdDsa));

TEST_P(EveryAlgorithm, AGoodTokenGivesNameAndRoles) {
  const auto token = VerifyToken(key_.Sign(kClaims), keys_, {}, kNow);
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->principal.name, "ann");
  EXPECT_EQ(token->principal.RoleIn("a"), Role::kReader);
  EXPECT_EQ(token->principal.RoleIn("b"), Role::kWriter);
  EXPECT_EQ(token->principal.RoleIn("c"), Role::kNone);
  EXPECT_EQ(token->principal.system_role, Role::kNone);
}

TEST_P(EveryAlgorithm, AnyFlippedBitIsRefused) {
  const std::string token = key_.Sign(kClaims);
  for (size_t i = 0; i < token.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string forged = token;
      forged[i] = static_cast<char>(forged[i] ^ (1 << bit));
      EXPECT_FALSE(VerifyToken(forged, keys_, {}, kNow).ok()) << i << " " << bit;
    }
    EXPECT_FALSE(VerifyToken(token.substr(0, i), keys_, {}, kNow).ok()) << i;
  }
}

TEST_P(EveryAlgorithm, AnotherKeyOfTheSameIdIsRefused) {
  const TestKey other(GetParam(), "k1");
  EXPECT_THAT(ErrorOf(other.Sign(kClaims), keys_), HasSubstr("wrong signature"));
}

TEST(Jwt, AlgorithmAndKeyMustFit) {
  const TestKey rsa(Algorithm::kRs256, "k1");
  const TestKey ec(Algorithm::kEs256, "k2");
  const KeySet keys = *KeySet::Parse(absl::StrCat("{\"keys\":[", rsa.Jwk(), ",", ec.Jwk(), "]}"));
  EXPECT_EQ(ErrorOf(ec.Sign(kClaims), keys), "");
  EXPECT_THAT(ErrorOf(ec.SignAs(R"({"alg":"RS256","kid":"k2"})", kClaims), keys),
              HasSubstr("another algorithm"));
  for (const char* header : {R"({"alg":"none"})", R"({"alg":"HS256","kid":"k1"})", R"({})"}) {
    EXPECT_THAT(ErrorOf(rsa.SignAs(header, kClaims), keys), HasSubstr("not signed by")) << header;
  }
  EXPECT_EQ(ErrorOf(rsa.SignAs(R"({"alg":"RS256"})", kClaims), keys), "");  // no kid: any that fits
  EXPECT_THAT(ErrorOf(rsa.SignAs(R"({"alg":"RS256","crit":["x"]})", kClaims), keys),
              HasSubstr("crit"));
  const auto unknown = VerifyToken(TestKey(Algorithm::kRs256, "k9").Sign(kClaims), keys, {}, kNow);
  EXPECT_EQ(unknown.status().code(), absl::StatusCode::kNotFound);
}

TEST(Jwt, TimesHoldWithinTheClockSkew) {
  const TestKey key(Algorithm::kEdDsa, "k");
  const KeySet keys = *KeySet::Parse(key.Set());
  const std::string token = key.Sign(R"({"sub":"a","exp":1700000000,"nbf":1699999000})");
  const absl::Time expiry = kNow;
  EXPECT_EQ(ErrorOf(token, keys, {}, expiry + absl::Seconds(59)), "");
  EXPECT_THAT(ErrorOf(token, keys, {}, expiry + absl::Seconds(60)), HasSubstr("expired"));
  EXPECT_EQ(ErrorOf(token, keys, {}, expiry - absl::Seconds(1060)), "");
  EXPECT_THAT(ErrorOf(token, keys, {}, expiry - absl::Seconds(1061)), HasSubstr("not valid yet"));
  EXPECT_THAT(ErrorOf(key.Sign(R"({"sub":"a"})"), keys), HasSubstr("exp"));
  EXPECT_THAT(ErrorOf(key.Sign(R"({"sub":"a","exp":"1800000000"})"), keys), HasSubstr("exp"));
  EXPECT_THAT(ErrorOf(key.Sign(R"({"sub":"a","exp":1800000000,"nbf":"0"})"), keys),
              HasSubstr("no number"));
  EXPECT_THAT(ErrorOf(key.Sign(R"({"exp":1800000000})"), keys), HasSubstr("sub"));
}

TEST(Jwt, IssuerAndAudienceMustBeTheOnesAskedFor) {
  const TestKey key(Algorithm::kEdDsa, "k");
  const KeySet keys = *KeySet::Parse(key.Set());
  TokenRules rules;
  rules.issuer = "me";
  rules.audience = "perdure";
  EXPECT_EQ(ErrorOf(key.Sign(kClaims), keys, rules), "");
  rules.issuer = "other";
  EXPECT_THAT(ErrorOf(key.Sign(kClaims), keys, rules), HasSubstr("issuer"));
  rules.issuer = "";
  rules.audience = "perdur";
  EXPECT_THAT(ErrorOf(key.Sign(kClaims), keys, rules), HasSubstr("audience"));
  EXPECT_THAT(ErrorOf(key.Sign(R"({"sub":"a","exp":1800000000})"), keys, rules),
              HasSubstr("audience"));
}

TEST(Jwt, PermissionsMayStandElsewhere) {
  const TestKey key(Algorithm::kEdDsa, "k");
  const KeySet keys = *KeySet::Parse(key.Set());
  const std::string token = key.Sign(
      R"({"sub":"a","exp":1800000000,"https://x.y/roles":["a:admin",7,"junk"],
          "realm":{"access":"b:read temporal-system:read"}})");
  const auto role = [&](const char* path, const char* name_space) {
    return VerifyToken(token, keys, {.permissions_claim = path}, kNow)
        ->principal.RoleIn(name_space);
  };
  EXPECT_EQ(role("https://x.y/roles", "a"), Role::kAdmin);
  EXPECT_EQ(role("realm.access", "b"), Role::kReader);
  EXPECT_EQ(role("realm.access", "anywhere"), Role::kReader);
  EXPECT_EQ(role("realm.nowhere", "b"), Role::kNone);
  EXPECT_EQ(role("permissions", "a"), Role::kNone);
}

TEST(KeySet, RefusesWhatIsNoSetOfUsableKeys) {
  for (const char* text : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[]})", R"({"keys":[7]})",
                           R"({"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]})",  // far too short
                           R"({"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]})",
                           R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]})",
                           R"({"keys":[{"kty":"oct","k":"c2VjcmV0"}]})"}) {
    EXPECT_FALSE(KeySet::Parse(text).ok()) << text;
  }
  // Not on the curve.
  const std::string zeros(43, 'A');
  EXPECT_FALSE(KeySet::Parse(absl::StrCat(R"({"keys":[{"kty":"EC","crv":"P-256","x":")", zeros,
                                          R"(","y":")", zeros, R"("}]})"))
                   .ok());
}

TEST(KeySet, LeavesOutKeysForOtherUses) {
  const TestKey key(Algorithm::kEdDsa, "k");
  const auto set = KeySet::Parse(absl::StrCat(
      R"({"keys":[{"kty":"RSA","use":"enc"},{"kty":"EC","crv":"P-521"},{"kty":"RSA","alg":"PS256"},)",
      key.Jwk(), "]}"));
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_EQ(set->keys().size(), 1u);
}

}  // namespace
}  // namespace perdure::auth
