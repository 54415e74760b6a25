// The file of API keys and of what client certificates may do. Of a key it holds only the SHA-256,
// so that who reads the file can't call.
//
//   # NAME:SHA-256 of the key in hex:permissions
//   ci:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08:orders:write,shop:read
//   # COMMON NAME:certificate:permissions
//   billing-worker:certificate:orders:worker
//
// To rotate a key, add a line of the same name, and remove the old one when nobody uses it.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "auth/principal.h"

namespace perdure::auth {

using Digest = std::array<unsigned char, 32>;
Digest Sha256(absl::string_view text);

// Value, immutable.
class KeyFile {
 public:
  using PrincipalPtr = std::shared_ptr<const Principal>;  // shared with the calls it makes

  // INVALID_ARGUMENT names the line; it never repeats it.
  static absl::StatusOr<KeyFile> Parse(absl::string_view text);

  // Null if there is no such key, or nothing is said of such a certificate.
  PrincipalPtr FindKey(const Digest& digest) const;
  PrincipalPtr FindCertificate(absl::string_view common_name) const;

 private:
  absl::flat_hash_map<Digest, PrincipalPtr> keys_;
  std::map<std::string, PrincipalPtr, std::less<>> certificates_;
};

}  // namespace perdure::auth
