// Where the other nodes come in: the service perdure.internal.v1.Node, on a port of its own. gRPC
// itself does not show in this header.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/metrics.h"
#include "cluster/peers.h"
#include "rpc/call_queue.h"
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
  static absl::StatusOr<std::unique_ptr<PeerServer>> Start(const PeerServerOptions& options,
                                                           CallQueue calls);
  // Closes first if that was not done, then ends all streams. Not on the thread that serves
  // `calls`.
  virtual ~PeerServer() = default;
  virtual int port() const = 0;
  // Called on the thread that serves `calls`, until Close returns; its reply from any.
  using Handler =
      std::function<void(cluster::wire::Request, std::shared_ptr<services::Cancellation>,
                         services::Reply<std::string>)>;
  virtual void Open(Handler handler) = 0;
  // The handler is not called from then on.
  virtual void Close() = 0;
};

}  // namespace perdure::rpc
