// Temporal's HTTP+JSON API over the same handler as gRPC: routes from the service definition,
// payloads in shorthand, errors as google.rpc.Status. `?pretty` indents, `?noPayloadShorthand`
// writes payloads in full. Served by an HttpServer.
#pragma once

#include "rpc/dispatch.h"
#include "rpc/http_routes.h"
#include "rpc/http_server.h"

namespace perdure::rpc {

// Thread-safe. Each request blocks its thread until it is answered.
class JsonGateway {
 public:
  // All borrowed; `observer` may be null.
  JsonGateway(services::RpcHandler& handler, const Health& health, const Guard& guard,
              RpcObserver* observer);

  HttpResponse Answer(const HttpRequest& request) const;

 private:
  absl::StatusOr<HttpResponse> Call(const HttpRequest& request) const;

  const MethodTable methods_;
  const HttpRoutes routes_;
  const Dispatcher dispatcher_;
};

// As gRPC gateways map them.
int HttpStatusOf(absl::StatusCode code);

}  // namespace perdure::rpc
