// The other nodes, over gRPC: one stream to each, on which all that is to be said at one time goes
// out as one message. gRPC itself does not show in this header.
#pragma once

#include <memory>
#include <string>

#include "cluster/peers.h"
#include "rpc/tls.h"
#include "runtime/runtime.h"

namespace perdure::rpc {

struct PeerOptions {
  TlsFiles tls;  // plain: without TLS
  std::string server_version;
};

// Connects when it is first called, and anew when a stream breaks. What was written when it broke
// is answered UNAVAILABLE, what was not, base::ShardMoved. Ends what is open when it is destroyed.
// `loop` is for times.
std::unique_ptr<cluster::Peers> MakePeers(runtime::Loop& loop, PeerOptions options);

}  // namespace perdure::rpc
