// The version of what nodes say to each other, and of whom they still understand.
//
// `current` rises when a node of the version before could not understand what is said; `oldest` is
// then, for one release, the number before: two adjacent versions work together.
#pragma once

#include <cstdint>

namespace perdure::rpc {

struct PeerProtocol {
  uint32_t oldest = 1;
  uint32_t current = 1;
};

}  // namespace perdure::rpc
