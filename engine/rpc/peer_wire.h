// What both ends of the stream between nodes agree on. Internal to rpc/.
#pragma once

#include <cstddef>
#include <cstdint>

namespace perdure::rpc {

inline constexpr char kExchangeMethod[] = "/perdure.internal.v1.Node/Exchange";
// Rises when a node of the version before could not understand what is said.
inline constexpr uint32_t kPeerProtocol = 1;
inline constexpr int kPeerMessageMax = 160 << 20;
// A message takes frames until it has so many bytes.
inline constexpr size_t kPeerBatchBytes = 1 << 20;

}  // namespace perdure::rpc
