// Everything of a server below its transports: store, namespaces, history, matching and frontend,
// put together and started.
#pragma once

#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "base/metrics.h"
#include "rpc/health.h"
#include "server/options.h"
#include "services/rpc_handler.h"

namespace perdure::server {

// Thread-safe.
class Core {
 public:
  // Not before Drain's callback ran, if Drain was called.
  virtual ~Core() = default;
  virtual services::RpcHandler& handler() = 0;
  // Ends long polls with what they have and finishes the commits under way; `done` runs, on any
  // thread, when all is quiet. Calls that come later are answered UNAVAILABLE or empty.
  virtual void Drain(absl::AnyInvocable<void() &&> done) = 0;
};

// Opens the store, brings its schema up to date, claims the shards and loads what is needed. Blocks
// meanwhile, and as a standby as long as another server owns the store; `health` tells which, and
// says kServing in the end.
absl::StatusOr<std::unique_ptr<Core>> MakeCore(const ServerOptions& options, base::Metrics& metrics,
                                               rpc::Health& health);

}  // namespace perdure::server
