#include "server/server.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/errors.h"

namespace perdure::server {
namespace {

constexpr int kHttpPort = 7243;
constexpr int kMetricsPort = 9090;
constexpr absl::Duration kDrainMax = absl::Seconds(5);
constexpr absl::Duration kCallGrace = absl::Seconds(2);
// With fewer cores than these the engine's loop takes calls from the network itself: a thread for
// each would wake the other for every call, twice. With more, gRPC gets a thread for every so many.
constexpr int kCoresPerGrpcThread = 4;

int CoreCount() { return static_cast<int>(std::max(1U, std::thread::hardware_concurrency())); }

// On the port asked for, or on the usual one if that is free and else on any.
absl::StatusOr<std::unique_ptr<rpc::HttpServer>> ListenHttp(const std::string& ip,
                                                            std::optional<int> asked, int usual,
                                                            const rpc::HttpHandler& handler) {
  rpc::HttpOptions options;
  options.ip = ip;
  options.port = asked.value_or(usual);
  auto server = rpc::HttpServer::Start(options, handler);
  if (server.ok() || asked.has_value()) return server;
  options.port = 0;
  return rpc::HttpServer::Start(options, handler);
}

}  // namespace

void Gate::Call(const google::protobuf::MethodDescriptor& method, services::CallContext context,
                std::unique_ptr<google::protobuf::Message> request,
                services::Reply<std::unique_ptr<google::protobuf::Message>> reply) {
  services::RpcHandler* handler = handler_.load();
  if (handler == nullptr) {
    return std::move(reply)(base::Unavailable(
        absl::StrCat("The server is not serving: ", rpc::NameOf(health_.state()), ".")));
  }
  handler->Call(method, std::move(context), std::move(request), std::move(reply));
}

Server::Server(base::Metrics& metrics, rpc::Health& health)
    : metrics_(metrics), health_(health), gate_(health), gateway_(gate_, health, nullptr) {}

Server::~Server() { Stop(); }

absl::StatusOr<std::unique_ptr<Server>> Server::Listen(const ServerOptions& options,
                                                       base::Metrics& metrics,
                                                       rpc::Health& health) {
  auto server = std::make_unique<Server>(metrics, health);
  const absl::Status status = server->ListenAll(options);
  if (!status.ok()) return status;
  return server;
}

absl::Status Server::ListenAll(const ServerOptions& options) {
  rpc::GrpcOptions grpc;
  grpc.ip = options.ip;
  grpc.port = options.port;
  grpc.threads = std::max(1, CoreCount() / kCoresPerGrpcThread);
  auto listening = rpc::GrpcServer::Start(grpc, gate_, health_, nullptr);
  if (!listening.ok()) return listening.status();
  grpc_ = *std::move(listening);
  auto http = ListenHttp(options.ip, options.http_port, kHttpPort,
                         [this](const rpc::HttpRequest& r) { return gateway_.Answer(r); });
  if (!http.ok()) return http.status();
  http_ = *std::move(http);
  auto probes = ListenHttp(options.ip, options.metrics_port, kMetricsPort,
                           [this](const rpc::HttpRequest& r) { return AnswerProbe(r); });
  if (!probes.ok()) return probes.status();
  metrics_http_ = *std::move(probes);
  return absl::OkStatus();
}

rpc::HttpResponse Server::AnswerProbe(const rpc::HttpRequest& request) {
  rpc::HttpResponse response;
  const std::string page = request.path.size() == 1 ? request.path[0] : std::string();
  const rpc::ServingState state = health_.state();
  if (page == "metrics") {
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = metrics_.Scrape();
  } else if (page == "healthz" || page == "readyz") {
    const bool is_good = page == "healthz" ? state != rpc::ServingState::kStopping
                                           : state == rpc::ServingState::kServing;
    response.status = is_good ? 200 : 503;
    response.body = absl::StrCat(rpc::NameOf(state), "\n");
  } else {
    response.status = 404;
    response.body = "Here are /metrics, /healthz and /readyz.\n";
  }
  return response;
}

void Server::Serve(std::unique_ptr<Core> core) {
  core_ = std::move(core);
  gate_.Open(&core_->handler());
  is_pumped_ = CoreCount() < kCoresPerGrpcThread;
  if (is_pumped_) core_->engine_loop().SetPump(&grpc_->BeginPump());
}

void Server::Stop() {
  if (grpc_ == nullptr) return;
  health_.Set(rpc::ServingState::kStopping);
  gate_.Open(nullptr);
  if (core_ != nullptr) {
    // Shared with the callback, which may come after the wait has been given up.
    auto drained = std::make_shared<absl::Notification>();
    core_->Drain([drained] { drained->Notify(); });
    drained->WaitForNotificationWithTimeout(kDrainMax);
  }
  http_.reset();
  if (is_pumped_) {
    core_->engine_loop().SetPump(nullptr);
    grpc_->EndPump();
  }
  grpc_->Shutdown(kCallGrace);
  grpc_.reset();
  metrics_http_.reset();
  core_.reset();
}

}  // namespace perdure::server
