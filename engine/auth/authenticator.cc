#include "auth/authenticator.h"

#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "base/errors.h"
#include "base/log.h"
#include "httplib.h"
#include "temporal/api/enums/v1/failed_cause.pb.h"

namespace perdure::auth {
namespace {

constexpr absl::Duration kLookInterval = absl::Seconds(1);
constexpr absl::Duration kFetchInterval = absl::Minutes(5);
constexpr absl::Duration kFetchIntervalMin = absl::Seconds(10);
constexpr int kFetchTimeoutSeconds = 5;
constexpr size_t kKeySetSizeMax = 1 << 20;
constexpr size_t kKnownMax = 20'000;

bool IsUrl(absl::string_view text) {
  return absl::StartsWith(text, "https://") || absl::StartsWith(text, "http://");
}

absl::Status CheckUrl(absl::string_view url) {
  if (!IsUrl(url)) return absl::OkStatus();
  const size_t host = url.find("://") + 3;
  if (absl::StrContains(url.substr(host, url.find('/', host) - host), "@")) {
    return base::InvalidArgument("auth_jwks: a URL with a password in it would be shown in logs");
  }
  if (absl::StartsWith(url, "https://")) return absl::OkStatus();
  for (const char* host : {"http://127.0.0.1", "http://localhost", "http://[::1]"}) {
    absl::string_view rest = url;
    const bool is_local =
        absl::ConsumePrefix(&rest, host) && (rest.empty() || rest[0] == ':' || rest[0] == '/');
    if (is_local) return absl::OkStatus();
  }
  return base::InvalidArgument(
      "auth_jwks: keys that come over plain http may be anybody's; use https");
}

// What tells that a file was replaced or written: cheaper than reading it. Empty if there is none.
std::string VersionOf(const std::string& path) {
  struct stat facts{};
  if (stat(path.c_str(), &facts) != 0) return "";
  return absl::StrCat(facts.st_mtim.tv_sec, ".", facts.st_mtim.tv_nsec, "/", facts.st_size, "/",
                      facts.st_ino);
}

// An empty file is no failure: all its keys have been taken out.
absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) return base::InvalidArgument(absl::StrCat("can't read ", path));
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) return base::InvalidArgument(absl::StrCat("can't read ", path));
  return text;
}

absl::Status Named(absl::string_view option, const absl::Status& status) {
  return base::InvalidArgument(absl::StrCat(option, ": ", std::string(status.message())));
}

}  // namespace

Authenticator::Authenticator(AuthOptions options, base::Metrics& metrics)
    : options_(std::move(options)), has_url_(IsUrl(options_.jwks)), metrics_(metrics) {
  absl::MutexLock lock(&refresh_mutex_);
  if (!has_url_) jwks_file_.path = options_.jwks;
  api_keys_file_.path = options_.api_keys;
}

Authenticator::~Authenticator() {
  {
    absl::MutexLock lock(&mutex_);
    is_stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

absl::StatusOr<std::unique_ptr<Authenticator>> Authenticator::Start(AuthOptions options,
                                                                    base::Metrics& metrics) {
  if (auto status = CheckUrl(options.jwks); !status.ok()) return status;
  auto authenticator = std::make_unique<Authenticator>(std::move(options), metrics);
  {
    absl::MutexLock lock(&authenticator->refresh_mutex_);
    if (auto status = authenticator->ReadKeys(); !status.ok()) return status;
    if (auto status = authenticator->ReadApiKeys(); !status.ok()) return status;
  }
  if (authenticator->has_url_) {
    const absl::Status status = authenticator->FetchKeys(absl::Now());
    if (!status.ok()) base::LogWarning("no keys to check tokens with yet", {{"error", status}});
  }
  authenticator->thread_ = std::thread([raw = authenticator.get()] { raw->Run(); });
  return authenticator;
}

absl::StatusOr<Authenticator::PrincipalPtr> Authenticator::Authenticate(
    const Credentials& credentials, absl::Time now) {
  if (!credentials.authorization.empty()) return AuthenticateHeader(credentials, now);
  if (credentials.certificate_name.empty()) {
    return Fail("missing", credentials, now,
                absl::UnauthenticatedError("The call carries no credentials: send the header "
                                           "\"authorization: Bearer TOKEN\"."));
  }
  {
    absl::MutexLock lock(&mutex_);
    auto listed = key_file_->FindCertificate(credentials.certificate_name);
    if (listed != nullptr) return listed;
  }
  auto principal = std::make_shared<Principal>();
  principal->name = credentials.certificate_name;
  if (options_.certificate_is_enough) principal->system_role = Role::kAdmin;
  return principal;
}

absl::StatusOr<Authenticator::PrincipalPtr> Authenticator::AuthenticateHeader(
    const Credentials& credentials, absl::Time now) {
  const absl::string_view header = credentials.authorization;
  constexpr absl::string_view kBearer = "bearer ";
  const absl::string_view scheme = header.substr(0, kBearer.size());
  if (!absl::EqualsIgnoreCase(scheme, kBearer) || header.size() == kBearer.size()) {
    return Fail("malformed", credentials, now,
                absl::UnauthenticatedError("The header authorization is not \"Bearer TOKEN\"."));
  }
  const std::string secret(header.substr(kBearer.size()));
  const Digest digest = Sha256(secret);
  int64_t generation = 0;
  {
    absl::MutexLock lock(&mutex_);
    generation = generation_;
    const auto known = known_.find(digest);
    if (known != known_.end() && now < known->second.valid_until) return known->second.principal;
  }
  if (attempts_.IsHeldBack(AddressOf(credentials.peer), now)) {
    metrics_
        .CounterOf("authentication_failures", "Calls refused for want of good credentials.",
                   {{"reason", "held_back"}})
        .Add();
    return base::ResourceExhausted(
        temporal::api::enums::v1::RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT,
        "Too many calls with bad credentials came from this address; wait.");
  }
  auto verified = Verify(secret, digest, now);
  if (!verified.ok()) {
    if (absl::IsUnavailable(verified.status())) return verified.status();
    return Fail("bad", credentials, now, verified.status());
  }
  absl::MutexLock lock(&mutex_);
  if (known_.size() >= kKnownMax) known_.clear();
  // Else it was checked against what has been replaced since.
  if (generation == generation_) known_[digest] = *verified;
  return verified->principal;
}

absl::StatusOr<Authenticator::Known> Authenticator::Verify(const std::string& secret,
                                                           const Digest& digest, absl::Time now) {
  std::shared_ptr<const KeySet> keys;
  {
    absl::MutexLock lock(&mutex_);
    auto listed = key_file_->FindKey(digest);
    if (listed != nullptr) return Known{std::move(listed), absl::InfiniteFuture()};
    keys = keys_;
  }
  const bool is_token = !options_.jwks.empty() && LooksLikeToken(secret);
  if (!is_token) return absl::UnauthenticatedError("The API key is not known here.");
  auto token = VerifyToken(secret, *keys, options_.token_rules, now);
  if (token.ok()) {
    return Known{std::make_shared<Principal>(std::move(token->principal)), token->valid_until};
  }
  if (!absl::IsNotFound(token.status())) return token.status();
  absl::MutexLock lock(&mutex_);
  if (has_url_ && now >= fetched_at_ + kFetchIntervalMin) {
    is_fetch_wanted_ = true;
    return base::Unavailable("The keys that tokens are signed with are being fetched; try again.");
  }
  return absl::UnauthenticatedError(std::string(token.status().message()));
}

absl::Status Authenticator::Fail(const char* reason, const Credentials& credentials, absl::Time now,
                                 absl::Status status) {
  metrics_
      .CounterOf("authentication_failures", "Calls refused for want of good credentials.",
                 {{"reason", reason}})
      .Add();
  // Without credentials nothing was tried.
  if (credentials.authorization.empty()) return status;
  const std::string address = AddressOf(credentials.peer);
  if (attempts_.NoteFailure(address, now)) {
    base::LogWarning("too many calls with bad credentials; the address is held back",
                     {{"address", address}, {"error", status}});
  }
  return status;
}

void Authenticator::Use(KeySet keys) {
  auto shared = std::make_shared<const KeySet>(std::move(keys));
  absl::MutexLock lock(&mutex_);
  keys_ = std::move(shared);
  known_.clear();
  ++generation_;
}

absl::Status Authenticator::ReadKeys() {
  if (jwks_file_.path.empty()) return absl::OkStatus();
  const std::string version = VersionOf(jwks_file_.path);
  if (version == jwks_file_.version) return absl::OkStatus();
  jwks_file_.version = version;
  auto text = ReadFile(jwks_file_.path);
  if (!text.ok()) return Named("auth_jwks", text.status());
  auto keys = KeySet::Parse(*text);
  if (!keys.ok()) return Named(absl::StrCat("auth_jwks ", jwks_file_.path), keys.status());
  Use(*std::move(keys));
  return absl::OkStatus();
}

absl::Status Authenticator::ReadApiKeys() {
  if (api_keys_file_.path.empty()) return absl::OkStatus();
  const std::string version = VersionOf(api_keys_file_.path);
  if (version == api_keys_file_.version) return absl::OkStatus();
  api_keys_file_.version = version;
  auto text = ReadFile(api_keys_file_.path);
  if (!text.ok()) return Named("auth_api_keys", text.status());
  auto parsed = KeyFile::Parse(*text);
  if (!parsed.ok()) {
    return Named(absl::StrCat("auth_api_keys ", api_keys_file_.path), parsed.status());
  }
  auto shared = std::make_shared<const KeyFile>(*std::move(parsed));
  absl::MutexLock lock(&mutex_);
  key_file_ = std::move(shared);
  known_.clear();
  ++generation_;
  return absl::OkStatus();
}

absl::Status Authenticator::FetchKeys(absl::Time now) {
  {
    absl::MutexLock lock(&mutex_);
    fetched_at_ = now;
    is_fetch_wanted_ = false;
  }
  const size_t path = options_.jwks.find('/', options_.jwks.find("://") + 3);
  httplib::Client client(options_.jwks.substr(0, path));
  client.set_connection_timeout(kFetchTimeoutSeconds);
  client.set_read_timeout(kFetchTimeoutSeconds);
  std::string body;
  const auto result = client.Get(path == std::string::npos ? "/" : options_.jwks.substr(path),
                                 [&body](const char* data, size_t size) {
                                   body.append(data, size);
                                   return body.size() <= kKeySetSizeMax;
                                 });
  if (!result) {
    return base::Unavailable(absl::StrCat("auth_jwks: can't fetch ", options_.jwks, ": ",
                                          httplib::to_string(result.error())));
  }
  if (result->status != 200) {
    return base::Unavailable(
        absl::StrCat("auth_jwks: ", options_.jwks, " answers ", result->status));
  }
  auto keys = KeySet::Parse(body);
  if (!keys.ok()) return Named(absl::StrCat("auth_jwks ", options_.jwks), keys.status());
  Use(*std::move(keys));
  return absl::OkStatus();
}

void Authenticator::Refresh(absl::Time now) {
  absl::MutexLock refresh_lock(&refresh_mutex_);
  const auto tell = [](const absl::Status& status) {
    if (!status.ok()) base::LogWarning("credentials stay as they were", {{"error", status}});
  };
  tell(ReadKeys());
  tell(ReadApiKeys());
  bool is_due = false;
  {
    absl::MutexLock lock(&mutex_);
    const absl::Duration age = now - fetched_at_;
    // Without any keys nobody gets in, so it tries as often as it may.
    const bool is_wanted = is_fetch_wanted_ || keys_->keys().empty();
    is_due = has_url_ && (age >= kFetchInterval || (is_wanted && age >= kFetchIntervalMin));
  }
  if (is_due) tell(FetchKeys(now));
}

void Authenticator::Run() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(&is_stopping_), kLookInterval);
      if (is_stopping_) return;
    }
    Refresh(absl::Now());
  }
}

}  // namespace perdure::auth
