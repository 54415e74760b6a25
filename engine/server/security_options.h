// The options that lock the server's doors: certificates, credentials, the audit log.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "auth/authenticator.h"
#include "rpc/tls.h"

namespace perdure::server {

// Value.
struct SecurityOptions {
  rpc::TlsFiles tls;  // of the ports for clients
  // Between the members of a cluster, where a certificate is always required. Checked here, used by
  // whoever listens there.
  rpc::TlsFiles internal_tls;
  bool allow_plaintext = false;
  auth::AuthOptions auth;
  bool anonymous_metrics = false;
  std::string audit_log;  // a file, "-" for standard output, empty for none

  // Whether callers must show who they are.
  bool has_auth() const {
    return !auth.jwks.empty() || !auth.api_keys.empty() || tls.requires_client_certificate;
  }
};

struct SecurityOption {
  absl::string_view name;  // as in the file: "tls_cert"
  absl::string_view help;
  bool is_switch = false;
};
absl::Span<const SecurityOption> SecurityOptionTable();
bool IsSecurityOption(absl::string_view name);

// Of that table. INVALID_ARGUMENT names the option and what is wrong.
absl::Status SetSecurityOption(absl::string_view name, absl::string_view text,
                               SecurityOptions& options);
// As SetSecurityOption would take it. None of them is a secret: they are paths and names.
std::string TextOfSecurityOption(absl::string_view name, const SecurityOptions& options);

bool IsLoopback(absl::string_view ip);
// What is not to be started: options that contradict each other, and ports for everybody without
// TLS that nobody has asked for. `ip` is the one that is listened on.
absl::Status CheckSecurity(const SecurityOptions& options, absl::string_view ip);
// Tells the log what stands open on purpose.
void WarnOfOpenDoors(const SecurityOptions& options, absl::string_view ip);

}  // namespace perdure::server
