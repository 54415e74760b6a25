// A whole server: its listeners first, so that probes are answered while it starts, then its core.
//
//   auto server = Server::Listen(options, metrics, health);
//   auto core = MakeCore(options, metrics, health, (*server)->call_queue());
//   (*server)->Serve(*std::move(core));
//   … until told to stop …
//   (*server)->Stop();
#pragma once

#include <atomic>
#include <memory>

#include "base/metrics.h"
#include "rpc/grpc_server.h"
#include "rpc/guard.h"
#include "rpc/health.h"
#include "rpc/http_server.h"
#include "rpc/json_gateway.h"
#include "server/core.h"
#include "server/options.h"

namespace perdure::server {

// Answers UNAVAILABLE until there is somebody to ask. Thread-safe.
class Gate final : public services::RpcHandler {
 public:
  explicit Gate(const rpc::Health& health) : health_(health) {}
  // Borrowed. Null closes the gate; calls that are through go on.
  void Open(services::RpcHandler* handler) { handler_.store(handler); }
  void Call(const google::protobuf::MethodDescriptor& method, services::CallContext context,
            std::unique_ptr<google::protobuf::Message> request,
            services::Reply<std::unique_ptr<google::protobuf::Message>> reply) override;

 private:
  const rpc::Health& health_;
  std::atomic<services::RpcHandler*> handler_{nullptr};
};

// Used from one thread.
class Server {
 public:
  // Listens on all ports; calls are UNAVAILABLE until Serve. UNAVAILABLE if a port is taken,
  // INVALID_ARGUMENT if the security options are no good.
  // `metrics` and `health` are borrowed.
  static absl::StatusOr<std::unique_ptr<Server>> Listen(const ServerOptions& options,
                                                        base::Metrics& metrics,
                                                        rpc::Health& health);
  // Listens on nothing: use Listen.
  Server(base::Metrics& metrics, rpc::Health& health);
  // Stops first if that was not done.
  ~Server();

  // Opens the gate to the core, which itself tells `health` whether it serves.
  void Serve(std::unique_ptr<Core> core);
  // Takes no more calls, ends long polls empty, lets commits finish, closes everything. Seconds.
  void Stop();

  int port() const { return grpc_->port(); }
  // For MakeCore.
  rpc::CallQueue call_queue() { return grpc_->call_queue(); }
  int http_port() const { return http_->port(); }
  int metrics_port() const { return metrics_http_->port(); }

 private:
  absl::Status ListenAll(const ServerOptions& options);
  rpc::HttpResponse AnswerProbe(const rpc::HttpRequest& request);

  absl::Status OpenGuard(const ServerOptions& options);

  base::Metrics& metrics_;
  rpc::Health& health_;
  std::unique_ptr<auth::Authenticator> authenticator_;
  std::unique_ptr<auth::AuditLog> audit_log_;
  rpc::Guard guard_;
  bool has_open_metrics_ = true;
  Gate gate_;
  rpc::JsonGateway gateway_;
  std::unique_ptr<Core> core_;
  std::unique_ptr<rpc::GrpcServer> grpc_;
  bool is_pumped_ = false;  // the core's loop takes the calls
  std::unique_ptr<rpc::HttpServer> http_;
  std::unique_ptr<rpc::HttpServer> metrics_http_;
};

}  // namespace perdure::server
