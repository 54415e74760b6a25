#include "auth/key_file.h"

#include <algorithm>
#include <cctype>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errors.h"
#include "openssl/evp.h"

namespace perdure::auth {
namespace {

bool IsDigest(absl::string_view text) {
  return text.size() == 2 * sizeof(Digest) && std::all_of(text.begin(), text.end(), [](char c) {
           return std::isxdigit(static_cast<unsigned char>(c)) != 0;
         });
}

}  // namespace

Digest Sha256(absl::string_view text) {
  Digest digest{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  return digest;
}

absl::StatusOr<KeyFile> KeyFile::Parse(absl::string_view text) {
  KeyFile file;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    const auto refuse = [number](absl::string_view why) {
      return base::InvalidArgument(absl::StrCat("line ", number, ": ", why));
    };
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() < 3 || parts[0].empty()) {
      return refuse(
          "write NAME:SHA-256 in hex:NAMESPACE:ROLE,… or NAME:certificate:NAMESPACE:ROLE,…");
    }
    const bool is_certificate = parts[1] == "certificate";
    if (!is_certificate && !IsDigest(parts[1])) {
      return refuse("the second part is neither a SHA-256 (64 hex digits) nor \"certificate\"");
    }
    auto principal = std::make_shared<Principal>();
    principal->name = std::string(parts[0]);
    for (const absl::string_view permission : absl::StrSplit(parts[2], ',')) {
      if (!principal->Grant(absl::StripAsciiWhitespace(permission))) {
        return refuse("a permission is NAMESPACE:ROLE, ROLE one of read, worker, write, admin");
      }
    }
    if (is_certificate) {
      if (!file.certificates_.emplace(principal->name, principal).second) {
        return refuse("a second line for this certificate");
      }
      continue;
    }
    const std::string bytes = absl::HexStringToBytes(parts[1]);
    Digest digest{};
    std::copy(bytes.begin(), bytes.end(), digest.begin());
    if (!file.keys_.emplace(digest, principal).second) return refuse("a second line for this key");
  }
  return file;
}

KeyFile::PrincipalPtr KeyFile::FindKey(const Digest& digest) const {
  const auto found = keys_.find(digest);
  return found == keys_.end() ? nullptr : found->second;
}

KeyFile::PrincipalPtr KeyFile::FindCertificate(absl::string_view common_name) const {
  const auto found = certificates_.find(common_name);
  return found == certificates_.end() ? nullptr : found->second;
}

}  // namespace perdure::auth
