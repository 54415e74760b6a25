// The gRPC server of the public API: WorkflowService and OperatorService by their descriptors,
// health checks and reflection. gRPC itself does not show in this header.
//
// A call: one of the few threads takes it from its completion queue, parses it and calls the
// handler on that thread; the reply is serialized and sent on whatever thread the handler answers
// on. Where cores are few, an event loop can take the place of the first thread (pump).
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "rpc/call_queue.h"
#include "rpc/guard.h"
#include "rpc/health.h"
#include "rpc/observer.h"
#include "rpc/tls.h"
#include "runtime/runtime.h"
#include "services/rpc_handler.h"

namespace perdure::rpc {

struct GrpcOptions {
  std::string ip = "127.0.0.1";
  int port = 7233;                       // 0: any free one
  int threads = 1;                       // a completion queue each; at least one
  int64_t receive_size_max = 128 << 20;  // of a request, inflated too
  TlsFiles tls;
};

// Thread-safe.
class GrpcServer {
 public:
  // `handler`, `health`, `guard` and `observer` (may be null) must outlive the server. UNAVAILABLE
  // if the address can't be listened on, INVALID_ARGUMENT if the certificates are no good.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(const GrpcOptions& options,
                                                           services::RpcHandler& handler,
                                                           Health& health, const Guard& guard,
                                                           RpcObserver* observer);
  // Shuts down first if that was not done.
  virtual ~GrpcServer() = default;

  virtual int port() const = 0;
  // The calls of the first completion queue, to be taken by a loop instead of the server's thread
  // from BeginPump until EndPump. Neither is called from that loop.
  virtual runtime::Pump& BeginPump() = 0;
  virtual void EndPump() = 0;
  // Served until the server is destroyed, also while it shuts down. What uses it must be gone then.
  virtual CallQueue call_queue() = 0;
  // Takes no more calls and waits for open ones to end, those still open after `grace` being
  // cancelled. Long polls end when their handler answers them, so drain it first. Once.
  virtual void Shutdown(absl::Duration grace) = 0;
};

}  // namespace perdure::rpc
