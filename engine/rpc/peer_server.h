// Where the other nodes come in: the service perdure.internal.v1.Node, on a port of its own. gRPC
// itself does not show in this header.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/metrics.h"
#include "cluster/node_handler.h"
#include "rpc/peer_protocol.h"
#include "rpc/tls.h"

namespace perdure::rpc {

struct PeerServerOptions {
  std::string ip = "127.0.0.1";
  int port = 7234;  // 0: any free one
  // With `ca`, only nodes with a certificate of it come in. Plain: without TLS.
  TlsFiles tls;
  PeerProtocol protocol;
  base::Metrics* metrics = nullptr;  // may be null
};

// Thread-safe.
class PeerServer {
 public:
  // UNAVAILABLE if the address can't be listened on. Requests are refused until Open.
  static absl::StatusOr<std::unique_ptr<PeerServer>> Start(const PeerServerOptions& options);
  // Closes first if that was not done, then ends all streams.
  virtual ~PeerServer() = default;
  virtual int port() const = 0;
  // Borrowed until Close returns.
  virtual void Open(cluster::NodeHandler& handler) = 0;
  // No handler is called from then on.
  virtual void Close() = 0;
};

}  // namespace perdure::rpc
