#include "server/security_options.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/errors.h"
#include "base/log.h"

namespace perdure::server {
namespace {

using base::InvalidArgument;

constexpr SecurityOption kTable[] = {
    {"tls_cert", "File of the server's certificate chain (PEM): TLS on every port"},
    {"tls_key", "File of the private key of tls_cert (PEM)"},
    {"tls_client_ca", "File of the CA of client certificates: those that are shown are verified"},
    {"tls_require_client_cert", "Refuse clients without a certificate", true},
    {"internal_tls_cert", "File of this member's certificate for other members of the cluster"},
    {"internal_tls_key", "File of the private key of internal_tls_cert"},
    {"internal_tls_ca", "File of the CA that has signed the certificates of all members"},
    {"allow_plaintext", "Listen without TLS on addresses that are not the loopback's", true},
    {"auth_jwks", "File or https URL of the JWK set that tokens (JWT) are checked with"},
    {"auth_issuer", "Issuer (iss) that tokens must name"},
    {"auth_audience", "Audience (aud) that tokens must name"},
    {"auth_permissions_claim", "Claim with the permissions, or path to it: names joined by dots"},
    {"auth_clock_skew", "How far clocks may differ when a token's times are looked at: 60s"},
    {"auth_api_keys", "File of API keys (hashed) and of what client certificates may do"},
    {"auth_anonymous_metrics", "Answer /metrics without credentials", true},
    {"audit_log", "File for a line of JSON about each change, - for standard output"},
};

// Null for what is no text.
template <class Options>
auto* TextField(absl::string_view name, Options& options) {
  return name == "tls_cert"                 ? &options.tls.certificate
         : name == "tls_key"                ? &options.tls.key
         : name == "tls_client_ca"          ? &options.tls.ca
         : name == "internal_tls_cert"      ? &options.internal_tls.certificate
         : name == "internal_tls_key"       ? &options.internal_tls.key
         : name == "internal_tls_ca"        ? &options.internal_tls.ca
         : name == "auth_jwks"              ? &options.auth.jwks
         : name == "auth_issuer"            ? &options.auth.token_rules.issuer
         : name == "auth_audience"          ? &options.auth.token_rules.audience
         : name == "auth_permissions_claim" ? &options.auth.token_rules.permissions_claim
         : name == "auth_api_keys"          ? &options.auth.api_keys
         : name == "audit_log"              ? &options.audit_log
                                            : nullptr;
}

template <class Options>
auto* SwitchField(absl::string_view name, Options& options) {
  return name == "tls_require_client_cert"  ? &options.tls.requires_client_certificate
         : name == "allow_plaintext"        ? &options.allow_plaintext
         : name == "auth_anonymous_metrics" ? &options.anonymous_metrics
                                            : nullptr;
}

absl::Status SetSwitch(absl::string_view name, absl::string_view text, bool& value) {
  const bool is_on = text == "true" || text == "1";
  if (!is_on && text != "false" && text != "0" && !text.empty()) {
    return InvalidArgument(absl::StrCat(name, ": ", text, " is neither true nor false"));
  }
  value = is_on;
  return absl::OkStatus();
}

}  // namespace

absl::Span<const SecurityOption> SecurityOptionTable() { return kTable; }

bool IsSecurityOption(absl::string_view name) {
  return std::any_of(std::begin(kTable), std::end(kTable),
                     [name](const SecurityOption& option) { return option.name == name; });
}

absl::Status SetSecurityOption(absl::string_view name, absl::string_view text,
                               SecurityOptions& options) {
  if (bool* field = SwitchField(name, options); field != nullptr) {
    return SetSwitch(name, text, *field);
  }
  if (std::string* field = TextField(name, options); field != nullptr) {
    *field = std::string(text);
    return absl::OkStatus();
  }
  PERDURE_CHECK(name == "auth_clock_skew");
  absl::Duration skew;
  if (!absl::ParseDuration(text, &skew) || skew < absl::ZeroDuration() || skew > absl::Hours(1)) {
    return InvalidArgument(
        absl::StrCat(name, ": ", text, " is not a duration from 0s to 1h, such as 60s"));
  }
  options.auth.token_rules.clock_skew = skew;
  return absl::OkStatus();
}

std::string TextOfSecurityOption(absl::string_view name, const SecurityOptions& options) {
  if (const bool* field = SwitchField(name, options)) return *field ? "true" : "false";
  if (const std::string* field = TextField(name, options)) return *field;
  return absl::FormatDuration(options.auth.token_rules.clock_skew);
}

bool IsLoopback(absl::string_view ip) {
  in_addr v4{};
  in6_addr v6{};
  const std::string text(ip);
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  return inet_pton(AF_INET6, text.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

absl::Status CheckSecurity(const SecurityOptions& options, absl::string_view ip) {
  if (options.tls.certificate.empty() && !options.tls.is_plain()) {
    return InvalidArgument("tls_client_ca takes tls_cert and tls_key too");
  }
  if (auto status = rpc::CheckTlsFiles(options.tls); !status.ok()) return status;
  const auto& internal = options.internal_tls;
  const bool has_all =
      !internal.certificate.empty() && !internal.key.empty() && !internal.ca.empty();
  if (!has_all && !(internal.is_plain() && internal.key.empty())) {
    return InvalidArgument("internal_tls_cert, internal_tls_key and internal_tls_ca go together");
  }
  if (auto status = rpc::CheckTlsFiles(internal); !status.ok()) return status;
  if (options.tls.is_plain() && !IsLoopback(ip) && !options.allow_plaintext) {
    return InvalidArgument(absl::StrCat(
        "ip: ", ip,
        " is not of the loopback, and without TLS whoever is on the way could read and "
        "change every call. Set tls_cert and tls_key; or, where the network itself encrypts, set "
        "allow_plaintext (--allow-plaintext)."));
  }
  return absl::OkStatus();
}

void WarnOfOpenDoors(const SecurityOptions& options, absl::string_view ip) {
  if (IsLoopback(ip)) return;
  if (options.tls.is_plain()) {
    base::LogWarning(
        "listening without TLS, as allow_plaintext says: calls and credentials can be "
        "read on the way",
        {{"ip", ip}});
  }
  if (!options.has_auth()) {
    base::LogWarning("no credentials are asked for: whoever reaches this address may do everything",
                     {{"ip", ip}});
  }
  const bool has_any_audience =
      !options.auth.jwks.empty() && options.auth.token_rules.audience.empty();
  if (has_any_audience) {
    base::LogWarning("auth_audience is not set: tokens made for other services are taken too");
  }
}

}  // namespace perdure::server
