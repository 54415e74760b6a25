// The way of a parsed call from a transport to the handler, the same for gRPC and HTTP: it sees to
// it that every call is answered exactly once and observed.
#pragma once

#include <memory>

#include "rpc/health.h"
#include "rpc/method_table.h"
#include "rpc/observer.h"
#include "services/rpc_handler.h"

namespace perdure::rpc {

// Thread-safe. Borrows all that it is made with.
class Dispatcher {
 public:
  // `observer` may be null.
  Dispatcher(services::RpcHandler& handler, const Health& health, RpcObserver* observer)
      : handler_(handler), health_(health), observer_(observer) {}

  using Reply = services::Reply<std::unique_ptr<google::protobuf::Message>>;

  // grpc.health.v1's unary methods are answered here, all others by the handler. A reply that the
  // handler drops (its loop ended) is answered UNAVAILABLE.
  void Call(const Method& method, services::CallContext context,
            std::unique_ptr<google::protobuf::Message> request, Reply reply) const;

 private:
  services::RpcHandler& handler_;
  const Health& health_;
  RpcObserver* observer_;
};

}  // namespace perdure::rpc
