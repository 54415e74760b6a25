#include "rpc/peer_wire.h"

#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace perdure::rpc {

absl::Status CheckProtocol(const PeerProtocol& own, uint32_t theirs) {
  if (theirs >= own.oldest) return absl::OkStatus();
  return base::FailedPrecondition(
      absl::StrCat("a node that speaks protocol ", theirs, " is too old for one that speaks ",
                   own.oldest, " to ", own.current, ": upgrade one release at a time"));
}

base::Counter* RefusalCounter(base::Metrics* metrics, const char* side) {
  if (metrics == nullptr) return nullptr;
  return &metrics->CounterOf("node_refusals",
                             "Connections between nodes refused for a protocol that is too old.",
                             {{"side", side}});
}

}  // namespace perdure::rpc
