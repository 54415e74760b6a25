// What both ends of the stream between nodes agree on. Internal to rpc/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "base/metrics.h"
#include "rpc/peer_protocol.h"

namespace perdure::rpc {

inline constexpr char kExchangeMethod[] = "/perdure.internal.v1.Node/Exchange";
inline constexpr int kPeerMessageMax = 160 << 20;
// A message takes frames until it has so many bytes.
inline constexpr size_t kPeerBatchBytes = 1 << 20;

// Whether a node that says `theirs` in its hello can be spoken with. One that is newer decides for
// both: it alone knows whom it still understands. Its refusal names both numbers.
absl::Status CheckProtocol(const PeerProtocol& own, uint32_t theirs);

// Counts refusals on one side, "caller" or "called"; there from the start. Null without metrics.
base::Counter* RefusalCounter(base::Metrics* metrics, const char* side);

}  // namespace perdure::rpc
