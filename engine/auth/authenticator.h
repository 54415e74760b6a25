// Who calls: a bearer token, an API key or a client certificate becomes a Principal.
//
// Owned by the server. A thread of its own reads the files again when they change and fetches the
// JWK set from its URL every few minutes, and at once when a token names a key that is not in it
// (at most every ten seconds). What can't be read then is logged, and what was read before stays.
//
// An address that fails too often is held back: until it has been quiet, only credentials that were
// good lately pass from it, so that a broken neighbour does not lock out those that work.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "auth/attempts.h"
#include "auth/jwt.h"
#include "auth/key_file.h"
#include "auth/principal.h"
#include "base/metrics.h"

namespace perdure::auth {

struct AuthOptions {
  std::string jwks;  // a file, or https://… (http:// of the loopback); empty: no tokens
  TokenRules token_rules;
  std::string api_keys;  // KeyFile's; empty: none
  // No other credentials are configured but a client certificate, which TLS has verified: whoever
  // has one may do everything.
  bool certificate_is_enough = false;
};

// What a transport knows of a call.
struct Credentials {
  std::string authorization;     // the header, empty if there is none
  std::string certificate_name;  // common name of a verified client certificate, empty without one
  std::string peer;              // as gRPC writes it
};

// Thread-safe.
class Authenticator {
 public:
  using PrincipalPtr = std::shared_ptr<const Principal>;  // shared by calls and the caches here

  // INVALID_ARGUMENT names the option and what is wrong with its file. A URL that does not answer
  // yet is logged. `metrics` is borrowed.
  static absl::StatusOr<std::unique_ptr<Authenticator>> Start(AuthOptions options,
                                                              base::Metrics& metrics);
  // Use Start.
  Authenticator(AuthOptions options, base::Metrics& metrics);
  ~Authenticator();

  // UNAUTHENTICATED; RESOURCE_EXHAUSTED for an address that is held back; UNAVAILABLE while keys
  // are fetched that may have signed the token. The header goes before the certificate.
  absl::StatusOr<PrincipalPtr> Authenticate(const Credentials& credentials, absl::Time now);

  // Reads again what has changed; what the thread does every second. `now` decides on the URL.
  void Refresh(absl::Time now);

 private:
  struct Known {
    PrincipalPtr principal;
    absl::Time valid_until;
  };
  // A file and the time stamp and size of what was read last.
  struct Watched {
    std::string path;
    std::string version = "not read yet";
  };

  absl::StatusOr<PrincipalPtr> AuthenticateHeader(const Credentials& credentials, absl::Time now);
  absl::StatusOr<Known> Verify(const std::string& secret, const Digest& digest, absl::Time now);
  absl::Status Fail(const char* reason, const Credentials& credentials, absl::Time now,
                    absl::Status status);
  absl::Status ReadKeys() ABSL_EXCLUSIVE_LOCKS_REQUIRED(refresh_mutex_);
  absl::Status ReadApiKeys() ABSL_EXCLUSIVE_LOCKS_REQUIRED(refresh_mutex_);
  absl::Status FetchKeys(absl::Time now);
  void Use(KeySet keys);
  void Run();

  const AuthOptions options_;
  const bool has_url_;
  base::Metrics& metrics_;
  Attempts attempts_;

  // Refresh's; one caller at a time.
  absl::Mutex refresh_mutex_;
  Watched jwks_file_ ABSL_GUARDED_BY(refresh_mutex_);
  Watched api_keys_file_ ABSL_GUARDED_BY(refresh_mutex_);

  absl::Mutex mutex_ ABSL_ACQUIRED_AFTER(refresh_mutex_);
  // Shared with the calls that are checking a signature.
  std::shared_ptr<const KeySet> keys_ ABSL_GUARDED_BY(mutex_) = std::make_shared<KeySet>();
  std::shared_ptr<const KeyFile> key_file_ ABSL_GUARDED_BY(mutex_) = std::make_shared<KeyFile>();
  // What was found good, by the digest of the secret; emptied whenever the keys change.
  absl::flat_hash_map<Digest, Known> known_ ABSL_GUARDED_BY(mutex_);
  int64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;  // of keys_ and key_file_
  absl::Time fetched_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  bool is_fetch_wanted_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace perdure::auth
