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
constexpr absl::Duration kDrainMax = absl::Seconds(8);
constexpr absl::Duration kCallGrace = absl::Seconds(2);
// With fewer cores than these the engine's loop takes calls from the network itself: a thread for
// each would wake the other for every call, twice. With more, gRPC gets a thread for every so many.
constexpr int kCoresPerGrpcThread = 4;

int CoreCount() { return static_cast<int>(std::max(1U, std::thread::hardware_concurrency())); }

// On the port asked for, or on the usual one if that is free and else on any.
absl::StatusOr<std::unique_ptr<rpc::HttpServer>> ListenHttp(rpc::HttpOptions options,
                                                            std::optional<int> asked, int usual,
                                                            const rpc::HttpHandler& handler) {
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
    : metrics_(metrics), health_(health), gate_(health), gateway_(gate_, health, guard_, nullptr) {}

Server::~Server() { Stop(); }

absl::StatusOr<std::unique_ptr<Server>> Server::Listen(const ServerOptions& options,
                                                       base::Metrics& metrics,
                                                       rpc::Health& health) {
  auto server = std::make_unique<Server>(metrics, health);
  const absl::Status status = server->ListenAll(options);
  if (!status.ok()) return status;
  return server;
}

absl::Status Server::OpenGuard(const ServerOptions& options) {
  const SecurityOptions& security = options.security;
  if (auto status = CheckSecurity(security, options.ip); !status.ok()) return status;
  if (!security.audit_log.empty()) {
    auto log = auth::AuditLog::Open(security.audit_log);
    if (!log.ok()) return log.status();
    audit_log_ = *std::move(log);
  }
  if (security.has_auth()) {
    auth::AuthOptions auth = security.auth;
    auth.certificate_is_enough = auth.jwks.empty() && auth.api_keys.empty();
    auto authenticator = auth::Authenticator::Start(std::move(auth), metrics_);
    if (!authenticator.ok()) return authenticator.status();
    authenticator_ = *std::move(authenticator);
    has_open_metrics_ = security.anonymous_metrics;
  }
  guard_ = rpc::Guard(
      {.authenticator = authenticator_.get(), .audit_log = audit_log_.get(), .metrics = &metrics_});
  return absl::OkStatus();
}

absl::Status Server::ListenAll(const ServerOptions& options) {
  if (auto status = OpenGuard(options); !status.ok()) return status;
  rpc::GrpcOptions grpc;
  grpc.ip = options.ip;
  grpc.port = options.port;
  grpc.threads = std::max(1, CoreCount() / kCoresPerGrpcThread);
  grpc.tls = options.security.tls;
  auto listening = rpc::GrpcServer::Start(grpc, gate_, health_, guard_, nullptr);
  if (!listening.ok()) return listening.status();
  grpc_ = *std::move(listening);
  rpc::HttpOptions http_options{.ip = options.ip, .tls = options.security.tls};
  auto http = ListenHttp(http_options, options.http_port, kHttpPort,
                         [this](const rpc::HttpRequest& r) { return gateway_.Answer(r); });
  if (!http.ok()) return http.status();
  http_ = *std::move(http);
  // Whoever probes has no certificate; /metrics asks for credentials itself.
  http_options.tls.requires_client_certificate = false;
  auto probes = ListenHttp(http_options, options.metrics_port, kMetricsPort,
                           [this](const rpc::HttpRequest& r) { return AnswerProbe(r); });
  if (!probes.ok()) return probes.status();
  metrics_http_ = *std::move(probes);
  return absl::OkStatus();
}

rpc::HttpResponse Server::AnswerProbe(const rpc::HttpRequest& request) {
  rpc::HttpResponse response;
  const std::string page = request.path.size() == 1 ? request.path[0] : std::string();
  const rpc::ServingState state = health_.state();
  if (page == "metrics" && !has_open_metrics_) {
    const auto principal = guard_.Identify(rpc::CredentialsOf(request));
    if (!principal.ok()) {
      return {.status = rpc::HttpStatusOf(principal.status().code()),
              .body = absl::StrCat(std::string(principal.status().message()), "\n")};
    }
    if ((*principal)->system_role < auth::Role::kReader) {
      return {.status = 403, .body = "/metrics takes the role reader in temporal-system.\n"};
    }
  }
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
  gate_.Open(core_->handler());
  is_pumped_ = CoreCount() < kCoresPerGrpcThread;
  if (is_pumped_) core_->engine_loop().SetPump(&grpc_->BeginPump());
}

void Server::Stop() {
  if (grpc_ == nullptr) return;
  health_.Set(rpc::ServingState::kStopping);
  // Calls go on to the other nodes, if there are any.
  if (core_ == nullptr || !core_->has_others()) gate_.Open(nullptr);
  if (core_ != nullptr) {
    // Shared with the callback, which may come after the wait has been given up.
    auto drained = std::make_shared<absl::Notification>();
    core_->Drain([drained] { drained->Notify(); });
    drained->WaitForNotificationWithTimeout(kDrainMax);
  }
  gate_.Open(nullptr);
  if (core_ != nullptr) core_->EndForwardedCalls();
  http_.reset();
  if (is_pumped_) {
    core_->engine_loop().SetPump(nullptr);
    grpc_->EndPump();
  }
  grpc_->Shutdown(kCallGrace);
  metrics_http_.reset();
  // Its calls to other nodes end on the queue of the server.
  core_.reset();
  grpc_.reset();
}

}  // namespace perdure::server
