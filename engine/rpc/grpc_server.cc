#include "rpc/grpc_server.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/log.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"
#include "grpc/support/log.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "rpc/queue_pump.h"
#include "rpc/stream_service.h"
#include "rpc/tag.h"
#include "rpc/unary_service.h"
#include "rpc/wire.h"

namespace perdure::rpc {
namespace {

std::vector<const google::protobuf::ServiceDescriptor*> UnaryServices() {
  auto services = PublicServices();
  services.push_back(
      grpc::health::v1::HealthCheckRequest::descriptor()->file()->FindServiceByName("Health"));
  return services;
}

std::vector<std::string> ServiceNames() {
  std::vector<std::string> names = {
      grpc::reflection::v1::ServerReflectionRequest::descriptor()->file()->service(0)->full_name(),
      grpc::reflection::v1alpha::ServerReflectionRequest::descriptor()
          ->file()
          ->service(0)
          ->full_name()};
  for (const auto* service : UnaryServices()) names.push_back(service->full_name());
  return names;
}

// Clients ping as they please: SDKs do so every ten seconds, idle or not.
void SetKeepalive(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
}

// gRPC's own check of deadlines ends a call with trailers, and when the answer that comes after it
// fails to be sent, it writes them once more (seen in 1.51). Some clients take that for a broken
// connection (h2 of Rust: PROTOCOL_ERROR), and lose all their calls. Clients end what is overdue by
// themselves, and whoever waits here knows the deadline.
void LeaveDeadlinesToHandlers(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_ENABLE_DEADLINE_CHECKS, 0);
}

// Failed handshakes would fill standard error with lines that a stranger causes.
void CaptureGrpcLog() {
  gpr_set_log_function(
      [](gpr_log_func_args* line) { base::LogDebug("gRPC", {{"message", line->message}}); });
}

class RealGrpcServer final : public GrpcServer {
 public:
  RealGrpcServer(int64_t receive_size_max, services::RpcHandler& handler, Health& health,
                 const Guard& guard, RpcObserver* observer)
      : methods_(UnaryServices()),
        reflection_(ServiceNames()),
        dispatcher_(handler, health, guard, observer),
        unary_(methods_, dispatcher_, open_calls_, receive_size_max),
        streams_(reflection_, health, guard, open_calls_, receive_size_max) {}

  ~RealGrpcServer() override {
    Shutdown(absl::ZeroDuration());
    for (auto& queue : queues_) queue->Shutdown();
    if (first_thread_.joinable()) {
      first_thread_.join();
    } else {
      // It never listened.
      for (auto& queue : queues_) Serve(*queue);
    }
    for (auto& thread : threads_) thread.join();
  }

  absl::Status Listen(const GrpcOptions& options) {
    CaptureProtobufComplaints();
    CaptureGrpcLog();
    if (auto status = CheckTlsFiles(options.tls); !status.ok()) return status;
    grpc::ServerBuilder builder;
    const bool is_v6 = absl::StrContains(options.ip, ":");
    const std::string address = is_v6 ? absl::StrCat("[", options.ip, "]:", options.port)
                                      : absl::StrCat(options.ip, ":", options.port);
    builder.AddListeningPort(address, MakeServerCredentials(options.tls), &port_);
    builder.SetMaxReceiveMessageSize(static_cast<int>(options.receive_size_max));
    builder.SetMaxSendMessageSize(-1);
    // What it does itself it does slowly (rpc/inflate.h).
    builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
    // Bearer tokens outgrow gRPC's default of 8 KiB.
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 64 << 10);
    // Counts that nobody can ask for.
    builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
    // A connection that does not get through its handshake is given up.
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
    // Two servers on one port must fail, not share it.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    SetKeepalive(builder);
    LeaveDeadlinesToHandlers(builder);
    builder.RegisterService(&unary_);
    builder.RegisterAsyncGenericService(&streams_.generic());
    for (int i = 0; i < options.threads; ++i) queues_.push_back(builder.AddCompletionQueue());
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port_ == 0) {
      return base::Unavailable(absl::StrCat("can't listen on ", address, "; is it in use?"));
    }
    for (auto& queue : queues_) {
      unary_.Listen(*queue);
      streams_.Listen(*queue);
    }
    first_ = std::make_unique<QueuePump>(*queues_[0]);
    first_thread_ = std::thread([this] { ServeFirst(); });
    for (size_t i = 1; i < queues_.size(); ++i) {
      threads_.emplace_back([&queue = *queues_[i]] { Serve(queue); });
    }
    return absl::OkStatus();
  }

  int port() const override { return port_; }
  CallQueue call_queue() override { return CallQueue(*queues_[0]); }

  runtime::Pump& BeginPump() override {
    first_is_pumped_ = true;
    first_->Wake();
    first_thread_.join();
    return *first_;
  }

  void EndPump() override {
    first_is_pumped_ = false;
    first_thread_ = std::thread([this] { ServeFirst(); });
  }

  void Shutdown(absl::Duration grace) override {
    if (is_shut_down_) return;
    is_shut_down_ = true;
    open_calls_.Stop();
    streams_.Stop();
    if (server_ != nullptr) {
      server_->Shutdown(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(grace));
    }
    // A call that was cancelled still gets its answer, which must not meet a queue that is gone.
    open_calls_.AwaitNone(absl::InfiniteDuration());
  }

 private:
  static void Serve(grpc::ServerCompletionQueue& queue) {
    void* tag = nullptr;
    bool ok = false;
    while (queue.Next(&tag, &ok)) static_cast<Tag*>(tag)->Complete(ok);
  }

  void ServeFirst() {
    while (!first_is_pumped_ && !first_->is_shut_down()) first_->Run(absl::InfiniteFuture());
  }

  const MethodTable methods_;
  const Reflection reflection_;
  const Dispatcher dispatcher_;
  OpenCalls open_calls_;
  UnaryService unary_;
  StreamService streams_;
  int port_ = 0;
  bool is_shut_down_ = false;
  // Queues must outlive the server, and threads end before either goes.
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<QueuePump> first_;
  std::atomic<bool> first_is_pumped_{false};
  std::thread first_thread_;
  std::vector<std::thread> threads_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(const GrpcOptions& options,
                                                              services::RpcHandler& handler,
                                                              Health& health, const Guard& guard,
                                                              RpcObserver* observer) {
  auto server =
      std::make_unique<RealGrpcServer>(options.receive_size_max, handler, health, guard, observer);
  const absl::Status listening = server->Listen(options);
  if (!listening.ok()) return listening;
  return server;
}

}  // namespace perdure::rpc
