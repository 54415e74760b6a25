// How often each address has lately shown credentials that were no good.
#pragma once

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace perdure::auth {

// Thread-safe, by one mutex that only failures and what is not yet known take.
class Attempts {
 public:
  // After so many failures an address is held back; one is forgiven every second.
  static constexpr int kFailuresMax = 20;

  bool IsHeldBack(const std::string& address, absl::Time now) const;
  // True if this failure is the one that has the address held back.
  bool NoteFailure(const std::string& address, absl::Time now);

 private:
  mutable absl::Mutex mutex_;
  // When the last failure will be forgiven. Addresses that are clean again leave when the table is
  // full; those that then find no room share an entry.
  absl::flat_hash_map<std::string, absl::Time> forgiven_at_ ABSL_GUARDED_BY(mutex_);
};

// A peer as gRPC writes it ("ipv4:127.0.0.1:5000", "ipv6:[::1]:5000") without its port; of IPv6 the
// first 64 bits, which is what one customer has at least. Other text stays as it is.
std::string AddressOf(absl::string_view peer);

}  // namespace perdure::auth
