// Everything of a server below its transports: store, namespaces, history, matching and frontend,
// put together and started.
#pragma once

#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "base/metrics.h"
#include "rpc/call_queue.h"
#include "rpc/health.h"
#include "runtime/runtime.h"
#include "server/options.h"
#include "services/rpc_handler.h"

namespace perdure::server {

// Thread-safe.
class Core {
 public:
  // Not before Drain's callback ran, if Drain was called, nor on a thread that serves calls.
  virtual ~Core() = default;
  // Null on a node without the role frontend.
  virtual services::RpcHandler* handler() = 0;
  // Whether calls can go on while it drains, since there are other nodes.
  virtual bool has_others() const = 0;
  // The loop on which nearly all happens.
  virtual runtime::ThreadLoop& engine_loop() = 0;
  // Ends long polls with what they have, finishes the commits under way and hands over the shards;
  // `done` runs, on any thread, when all is quiet. Calls that come later go to the other nodes; if
  // there are none, they are answered UNAVAILABLE or empty.
  virtual void Drain(absl::AnyInvocable<void() &&> done) = 0;
  // Once no more calls come in: ends those that wait at other nodes. Blocks, not for long.
  virtual void EndForwardedCalls() = 0;
};

// Opens the store, brings its schema up to date, loads the namespaces and begins to take over the
// shards, telling `health` from then on: kServing once it has them, kStandby while another server
// does. Blocks for the store and no longer. Calls are UNAVAILABLE until it serves. `calls` are
// those to and from other nodes; its server must outlive the core.
absl::StatusOr<std::unique_ptr<Core>> MakeCore(const ServerOptions& options, base::Metrics& metrics,
                                               rpc::Health& health, rpc::CallQueue calls);

}  // namespace perdure::server
