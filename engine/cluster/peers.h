// The way from this node to the others. Implemented by rpc/ over gRPC, and by sim/.
#pragma once

#include <string>

#include "perdure/internal/v1/cluster.pb.h"
#include "services/call.h"
#include "services/cluster.h"

namespace perdure::cluster {

namespace wire = perdure::internal::v1;

// Thread-safe.
class Peers {
 public:
  virtual ~Peers() = default;
  // The answer's body, or the status that the other node answered, payloads and all.
  // base::ShardMoved: it certainly did not begin there, so it may be sent elsewhere. UNAVAILABLE:
  // it may have been done. `context` gives the deadline and the cancellation; the rest of it stands
  // in the request.
  virtual void Call(const services::Member& to, wire::Request request,
                    services::CallContext context, services::Reply<std::string> reply) = 0;
};

}  // namespace perdure::cluster
