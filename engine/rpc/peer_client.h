// The other nodes, over gRPC: one stream to each, on which all that is to be said at one time goes
// out as one message. gRPC itself does not show in this header.
#pragma once

#include <memory>
#include <string>

#include "base/metrics.h"
#include "cluster/peers.h"
#include "rpc/call_queue.h"
#include "rpc/peer_protocol.h"
#include "rpc/tls.h"
#include "runtime/runtime.h"

namespace perdure::rpc {

struct PeerOptions {
  TlsFiles tls;  // plain: without TLS
  PeerProtocol protocol;
  base::Metrics* metrics = nullptr;  // may be null
};

class NodePeers : public cluster::Peers {
 public:
  // For a server that takes no more calls: has the other nodes end what waits there on behalf of
  // its callers, gives the answers so long to come, and answers the rest UNAVAILABLE. Blocks.
  virtual void EndCalls(absl::Duration patience) = 0;
  // Answers what is open and whatever comes later UNAVAILABLE, and returns when gRPC calls nobody
  // any more: before the loop ends that callers use.
  virtual void Close() = 0;
};

// Connects when it is first called, and anew when a stream breaks. What was written when it broke
// is answered UNAVAILABLE, what was not, base::ShardMoved. Closes when it is destroyed.
// `loop` is for times. Neither Close nor the destructor is called on the thread that serves
// `calls`.
std::unique_ptr<NodePeers> MakePeers(runtime::Loop& loop, PeerOptions options, CallQueue calls);

}  // namespace perdure::rpc
