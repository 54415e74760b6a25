#include "auth/attempts.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace perdure::auth {
namespace {

constexpr size_t kAddressesMax = 50'000;
constexpr absl::Duration kForgiveInterval = absl::Seconds(1);
constexpr char kOthers[] = "other addresses";

}  // namespace

bool Attempts::IsHeldBack(const std::string& address, absl::Time now) const {
  absl::MutexLock lock(&mutex_);
  auto found = forgiven_at_.find(address);
  if (found == forgiven_at_.end() && forgiven_at_.size() >= kAddressesMax) {
    found = forgiven_at_.find(kOthers);
  }
  return found != forgiven_at_.end() && found->second > now + (kFailuresMax - 1) * kForgiveInterval;
}

bool Attempts::NoteFailure(const std::string& address, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  if (forgiven_at_.size() >= kAddressesMax && !forgiven_at_.contains(address)) {
    absl::erase_if(forgiven_at_, [now](const auto& entry) { return entry.second <= now; });
  }
  const bool has_room = forgiven_at_.size() < kAddressesMax || forgiven_at_.contains(address);
  absl::Time& forgiven_at =
      forgiven_at_.try_emplace(has_room ? address : kOthers, now).first->second;
  const absl::Time limit = now + (kFailuresMax - 1) * kForgiveInterval;
  const bool was_held_back = forgiven_at > limit;
  forgiven_at = std::max(forgiven_at, now) + kForgiveInterval;
  return !was_held_back && forgiven_at > limit;
}

std::string AddressOf(absl::string_view peer) {
  // gRPC escapes brackets in its addresses.
  const std::string plain = absl::StrReplaceAll(peer, {{"%5B", "["}, {"%5D", "]"}});
  absl::string_view text = plain;
  const bool is_v6 = absl::ConsumePrefix(&text, "ipv6:");
  if (!is_v6 && !absl::ConsumePrefix(&text, "ipv4:")) return plain;
  text = text.substr(0, text.rfind(':'));
  if (!is_v6) return std::string(text);
  absl::ConsumePrefix(&text, "[");
  absl::ConsumeSuffix(&text, "]");
  in6_addr address{};
  if (inet_pton(AF_INET6, std::string(text).c_str(), &address) != 1) return std::string(text);
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    char v4[INET_ADDRSTRLEN];
    return inet_ntop(AF_INET, &address.s6_addr[12], v4, sizeof(v4));
  }
  std::memset(&address.s6_addr[8], 0, 8);
  char v6[INET6_ADDRSTRLEN];
  return inet_ntop(AF_INET6, &address, v6, sizeof(v6));
}

}  // namespace perdure::auth
