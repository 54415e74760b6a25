// The way of a parsed call from a transport to the handler, the same for gRPC and HTTP: it sees to
// it that every call is answered exactly once and observed.
#pragma once

#include <memory>

#include "rpc/guard.h"
#include "rpc/health.h"
#include "rpc/method_table.h"
#include "rpc/observer.h"
#include "services/rpc_handler.h"

namespace perdure::rpc {

// Thread-safe. Borrows all that it is made with.
class Dispatcher {
 public:
  // `observer` may be null.
  Dispatcher(services::RpcHandler& handler, const Health& health, const Guard& guard,
             RpcObserver* observer)
      : handler_(handler), health_(health), guard_(guard), observer_(observer) {}

  // Who is on the other end, as far as the guard wants to know.
  struct Caller {
    auth::Authenticator::PrincipalPtr principal;  // null on a server without credentials
    std::string peer;
  };

  using Reply = services::Reply<std::unique_ptr<google::protobuf::Message>>;

  // Whether Identify has a use for credentials with a call of this method.
  bool WantsCredentials(const Method& method) const;
  // Before a request is parsed: what is in it concerns nobody who may not call.
  absl::StatusOr<Caller> Identify(const Method& method, const auth::Credentials& credentials) const;

  // grpc.health.v1's unary methods are answered here, all others by the handler. A reply that the
  // handler drops (its loop ended) is answered UNAVAILABLE.
  void Call(const Method& method, services::CallContext context, const Caller& caller,
            std::unique_ptr<google::protobuf::Message> request, Reply reply) const;

 private:
  services::RpcHandler& handler_;
  const Health& health_;
  const Guard& guard_;
  RpcObserver* observer_;
};

}  // namespace perdure::rpc
