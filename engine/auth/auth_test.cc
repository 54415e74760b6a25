// Authenticator, key file, attempts and the audit log, with files in the test's folder and a key
// server on the loopback.
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "auth/attempts.h"
#include "auth/audit_log.h"
#include "auth/authenticator.h"
#include "auth/test_tokens.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "httplib.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::auth {
namespace {

using testing::HasSubstr;
constexpr char kClaims[] = R"({"sub":"ann","exp":99999999999,"permissions":["a:read"]})";

std::string HexDigest(absl::string_view text) {
  const Digest digest = Sha256(text);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

class AuthenticatorTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const {
    return absl::StrCat(testing::TempDir(), "/perdure_auth_", getpid(), "_", name);
  }
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name), std::ios::binary) << text;
    return Path(name);
  }
  void Start() {
    auto started = Authenticator::Start(options_, metrics_);
    ASSERT_TRUE(started.ok()) << started.status();
    authenticator_ = *std::move(started);
  }
  // "name", or the code.
  std::string Call(const std::string& secret, const std::string& peer = "ipv4:10.0.0.1:5") {
    Credentials credentials;
    if (!secret.empty()) credentials.authorization = "Bearer " + secret;
    credentials.peer = peer;
    return NameOrCode(authenticator_->Authenticate(credentials, now_));
  }
  std::string CallWithCertificate(const std::string& name) {
    Credentials credentials;
    credentials.certificate_name = name;
    return NameOrCode(authenticator_->Authenticate(credentials, now_));
  }
  static std::string NameOrCode(const absl::StatusOr<Authenticator::PrincipalPtr>& result) {
    return result.ok() ? (*result)->name : absl::StatusCodeToString(result.status().code());
  }

  absl::Time now_ = absl::Now();
  AuthOptions options_;
  base::Metrics metrics_;
  std::unique_ptr<Authenticator> authenticator_;
};

TEST_F(AuthenticatorTest, KeysAreRotatedByWritingTheFile) {
  options_.api_keys =
      Write("keys", absl::StrCat("# keys\n\nci:", HexDigest("first"), ":a:write\n"));
  Start();
  EXPECT_EQ(Call("first"), "ci");
  EXPECT_EQ(Call("second"), "UNAUTHENTICATED");
  EXPECT_EQ(Call(""), "UNAUTHENTICATED");
  EXPECT_EQ(Call(HexDigest("first")), "UNAUTHENTICATED");
  Write("keys", absl::StrCat("ci:", HexDigest("second"), ":a:write, b:read\n"));
  authenticator_->Refresh(now_);
  EXPECT_EQ(Call("first"), "UNAUTHENTICATED");
  EXPECT_EQ(Call("second"), "ci");
  Write("keys", "no such line\n");  // stays as it was
  authenticator_->Refresh(now_);
  EXPECT_EQ(Call("second"), "ci");
  std::remove(options_.api_keys.c_str());  // the same
  authenticator_->Refresh(now_);
  EXPECT_EQ(Call("second"), "ci");
  Write("keys", "");  // all taken out
  authenticator_->Refresh(now_);
  EXPECT_EQ(Call("second"), "UNAUTHENTICATED");
}

TEST_F(AuthenticatorTest, TokensAreCheckedByAFileOfKeysThatMayChange) {
  const TestKey first(KeySet::Algorithm::kEs256, "1");
  const TestKey second(KeySet::Algorithm::kEdDsa, "2");
  options_.jwks = Write("jwks", first.Set());
  Start();
  EXPECT_EQ(Call(first.Sign(kClaims)), "ann");
  EXPECT_EQ(Call(second.Sign(kClaims)), "UNAUTHENTICATED");
  Write("jwks", second.Set());
  authenticator_->Refresh(now_);
  EXPECT_EQ(Call(first.Sign(kClaims)), "UNAUTHENTICATED");
  EXPECT_EQ(Call(second.Sign(kClaims)), "ann");
}

TEST_F(AuthenticatorTest, AKnownTokenStillExpires) {
  const TestKey key(KeySet::Algorithm::kEdDsa, "1");
  options_.jwks = Write("jwks2", key.Set());
  Start();
  const std::string token =
      key.Sign(absl::StrCat(R"({"sub":"ann","exp":)", absl::ToUnixSeconds(now_) + 10, "}"));
  EXPECT_EQ(Call(token), "ann");
  now_ += absl::Seconds(71);
  EXPECT_EQ(Call(token), "UNAUTHENTICATED");
}

TEST_F(AuthenticatorTest, AKeyThatIsNotKnownIsFetchedAndAskedToTryAgain) {
  const TestKey first(KeySet::Algorithm::kEdDsa, "1");
  const TestKey second(KeySet::Algorithm::kEdDsa, "2");
  std::atomic<bool> is_rotated = false;
  std::atomic<int> fetches = 0;
  httplib::Server server;
  server.Get("/keys", [&](const httplib::Request&, httplib::Response& response) {
    ++fetches;
    response.set_content(is_rotated ? second.Set() : first.Set(), "application/json");
  });
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread thread([&] { server.listen_after_bind(); });
  options_.jwks = absl::StrCat("http://127.0.0.1:", port, "/keys");
  Start();
  EXPECT_EQ(Call(first.Sign(kClaims)), "ann");
  EXPECT_EQ(Call(second.Sign(kClaims)), "UNAUTHENTICATED");  // it was fetched a moment ago
  is_rotated = true;
  now_ += absl::Seconds(11);
  EXPECT_EQ(Call(second.Sign(kClaims)), "UNAVAILABLE");
  authenticator_->Refresh(now_);
  EXPECT_EQ(Call(second.Sign(kClaims)), "ann");
  EXPECT_EQ(Call(first.Sign(kClaims)), "UNAUTHENTICATED");
  EXPECT_EQ(fetches, 2);
  server.stop();
  thread.join();
  now_ += absl::Minutes(6);
  authenticator_->Refresh(now_);  // fails: the keys stay
  EXPECT_EQ(Call(second.Sign(kClaims)), "ann");
}

TEST_F(AuthenticatorTest, AnAddressThatFailsTooOftenIsHeldBackButNotItsKnownCallers) {
  options_.api_keys = Write("keys3", absl::StrCat("old:", HexDigest("old"),
                                                  ":a:read\nnew:", HexDigest("new"), ":a:read\n"));
  Start();
  EXPECT_EQ(Call("old"), "old");
  for (int i = 0; i < Attempts::kFailuresMax; ++i) {
    EXPECT_EQ(Call(absl::StrCat("guess", i)), "UNAUTHENTICATED");
  }
  EXPECT_EQ(Call("guess"), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(Call("new"), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(Call("old"), "old");
  EXPECT_EQ(Call("new", "ipv4:10.0.0.2:5"), "new");
  now_ += absl::Seconds(2);
  EXPECT_EQ(Call("guess"), "UNAUTHENTICATED");
  const std::string scrape = metrics_.Scrape();
  EXPECT_THAT(scrape, HasSubstr("authentication_failures{reason=\"bad\"} 21"));
  EXPECT_THAT(scrape, HasSubstr("authentication_failures{reason=\"held_back\"} 2"));
}

TEST_F(AuthenticatorTest, ACertificateHasTheRolesThatTheFileGivesIt) {
  options_.api_keys = Write("keys4", "billing:certificate:a:worker\n");
  Start();
  Credentials credentials;
  credentials.certificate_name = "billing";
  EXPECT_EQ((*authenticator_->Authenticate(credentials, now_))->RoleIn("a"), Role::kWorker);
  credentials.certificate_name = "unlisted";
  const auto unlisted = authenticator_->Authenticate(credentials, now_);
  EXPECT_EQ((*unlisted)->name, "unlisted");
  EXPECT_EQ((*unlisted)->RoleIn("a"), Role::kNone);
  // A bad header is not made good by a certificate.
  credentials.authorization = "Bearer wrong";
  EXPECT_EQ(NameOrCode(authenticator_->Authenticate(credentials, now_)), "UNAUTHENTICATED");
}

TEST_F(AuthenticatorTest, WithCertificatesAloneTheyAreEnough) {
  options_.certificate_is_enough = true;
  Start();
  Credentials credentials;
  credentials.certificate_name = "anybody";
  EXPECT_EQ((*authenticator_->Authenticate(credentials, now_))->system_role, Role::kAdmin);
  EXPECT_EQ(CallWithCertificate(""), "UNAUTHENTICATED");
}

TEST_F(AuthenticatorTest, WhatCanNotBeReadAtStartIsNamed) {
  const auto error = [&] {
    return std::string(Authenticator::Start(options_, metrics_).status().message());
  };
  options_.jwks = "/does/not/exist";
  EXPECT_THAT(error(), HasSubstr("auth_jwks: can't read /does/not/exist"));
  options_.jwks = "http://keys.example.com/jwks";
  EXPECT_THAT(error(), HasSubstr("use https"));
  options_.jwks = "https://user:hush@keys.example.com/jwks";
  EXPECT_THAT(error(), testing::Not(HasSubstr("hush")));
  options_.jwks = "";
  for (const std::string& line : std::initializer_list<std::string>{
           "ci:hush:a:read", "ci:" + std::string(64, 'x') + ":a:read",
           "ci:" + HexDigest("x") + ":a:root", "ci:" + HexDigest("x"), ":certificate:a:read"}) {
    options_.api_keys = Write("keys5", "# first line\n" + line);
    EXPECT_THAT(error(), HasSubstr("line 2")) << line;
    EXPECT_THAT(error(), testing::Not(HasSubstr("hush")));
  }
}

TEST(Attempts, AddressesAreWithoutPortAndWithTheNetworkOfIpv6) {
  EXPECT_EQ(AddressOf("ipv4:10.0.0.1:5000"), "10.0.0.1");
  EXPECT_EQ(AddressOf("ipv6:[2001:db8:1:2:3:4:5:6]:5000"), "2001:db8:1:2::");
  EXPECT_EQ(AddressOf("ipv6:%5B2001:db8:1:2:ffff::1%5D:5000"), "2001:db8:1:2::");
  EXPECT_EQ(AddressOf("ipv6:[::ffff:10.0.0.1]:5000"), "10.0.0.1");
  EXPECT_EQ(AddressOf("unix:/tmp/x"), "unix:/tmp/x");
}

TEST(Attempts, ATableFullOfAddressesStillHoldsBackNewOnes) {
  Attempts attempts;
  const absl::Time now = absl::Now();
  for (int i = 0; i < 50'000; ++i) attempts.NoteFailure(absl::StrCat(i), now);
  for (int i = 0; i < Attempts::kFailuresMax; ++i) attempts.NoteFailure(absl::StrCat("x", i), now);
  EXPECT_TRUE(attempts.IsHeldBack("y", now));
  EXPECT_FALSE(attempts.IsHeldBack("1", now));
  EXPECT_FALSE(attempts.IsHeldBack("y", now + absl::Seconds(21)));
}

TEST(AuditLog, WritesALineForEachChangeAndFollowsItsName) {
  const std::string path = absl::StrCat(testing::TempDir(), "/perdure_audit_", getpid());
  auto log = AuditLog::Open(path);
  ASSERT_TRUE(log.ok()) << log.status();
  temporal::api::workflowservice::v1::SignalWorkflowExecutionRequest request;
  request.mutable_workflow_execution()->set_workflow_id("o-1\"\n\xff");
  request.mutable_input()->add_payloads()->set_data("hush");
  AuditRecord record{.principal = "ann", .peer = "p", .rpc = "Signal", .name_space = "a"};
  ReadIds(request, record);
  temporal::api::workflowservice::v1::StartWorkflowExecutionResponse response;
  response.set_run_id("r-1");
  ReadIds(response, record);
  const absl::Time now = absl::FromUnixMillis(1'700'000'000'123);
  (*log)->Write(record, absl::StatusCode::kOk, now);
  const auto read = [&path] {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  };
  EXPECT_EQ(read(),
            "{\"time\":\"2023-11-14T22:13:20.123Z\",\"principal\":\"ann\",\"peer\":\"p\","
            "\"rpc\":\"Signal\",\"namespace\":\"a\",\"workflow_id\":\"o-1\\\"\\n\xEF\xBF\xBD\","
            "\"run_id\":\"r-1\",\"code\":\"OK\"}\n");
  std::rename(path.c_str(), (path + ".1").c_str());
  (*log)->Write(record, absl::StatusCode::kPermissionDenied, now + absl::Seconds(2));
  EXPECT_THAT(read(), HasSubstr("\"code\":\"PERMISSION_DENIED\""));
  EXPECT_FALSE(AuditLog::Open("/does/not/exist/audit").ok());
}

}  // namespace
}  // namespace perdure::auth
