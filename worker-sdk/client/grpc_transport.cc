#include "worker-sdk/client/grpc_transport.h"

#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/impl/rpc_method.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_certificate_verifier.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "grpcpp/support/async_unary_call.h"
#include "grpcpp/support/channel_arguments.h"
#include "worker-sdk/client/blocking_pool.h"
#include "worker-sdk/client/grpc_loop.h"

namespace perdure::client {
namespace {

using google::protobuf::Message;
using google::protobuf::MessageLite;
using Metadata = std::vector<std::pair<std::string, std::string>>;

absl::Status ToStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  const std::string details = status.error_details();
  if (!details.empty()) {
    result.SetPayload(
        absl::string_view(Transport::kDetailsUrl.data(), Transport::kDetailsUrl.size()),
        absl::Cord(absl::string_view(details)));
  }
  return result;
}

// One call. Shared by its handle and, until it is answered, by the completion queue.
class UnaryCall final : public GrpcLoop::Tag, public std::enable_shared_from_this<UnaryCall> {
 public:
  // `executor` is null where `done` runs on the loop itself.
  UnaryCall(GrpcLoop* loop, Executor* executor, Transport::Done done)
      : loop_(loop), executor_(executor), done_(std::move(done)) {}

  void Start(grpc::ChannelInterface* channel, const grpc::internal::RpcMethod& method,
             const Message& request, Message* response) {
    self_ = shared_from_this();
    loop_->BeginCall();
    auto* reader =
        grpc::internal::ClientAsyncResponseReaderHelper::Create<Message, Message, MessageLite,
                                                                MessageLite>(
            channel, loop_->queue(), method, &context_, request);
    reader->StartCall();
    reader->Finish(response, &status_, static_cast<GrpcLoop::Tag*>(this));
  }

  void Complete(bool ok) override {
    const std::shared_ptr<UnaryCall> keep = std::move(self_);
    is_done_.store(true, std::memory_order_release);
    loop_->EndCall();
    absl::Status status = ToStatus(status_);
    if (executor_ == nullptr) {
      Transport::Done done = std::move(done_);
      std::move(done)(std::move(status));
    } else {
      executor_->Post([done = std::move(done_), status = std::move(status)]() mutable {
        std::move(done)(std::move(status));
      });
    }
  }

  // Instead of Start.
  void Refuse(absl::Status status) {
    is_done_.store(true, std::memory_order_release);
    Executor* executor = executor_ == nullptr ? loop_ : executor_;
    executor->Post([done = std::move(done_), status = std::move(status)]() mutable {
      std::move(done)(std::move(status));
    });
  }

  void Cancel() {
    if (!is_done_.load(std::memory_order_acquire)) context_.TryCancel();
  }

  grpc::ClientContext& context() { return context_; }

 private:
  GrpcLoop* const loop_;
  Executor* const executor_;
  Transport::Done done_;
  grpc::ClientContext context_;
  grpc::Status status_;
  std::atomic<bool> is_done_{false};
  std::shared_ptr<UnaryCall> self_;
};

class CallHandle final : public Transport::Call {
 public:
  explicit CallHandle(std::shared_ptr<UnaryCall> call) : call_(std::move(call)) {}
  ~CallHandle() override { call_->Cancel(); }
  void Cancel() override { call_->Cancel(); }

 private:
  const std::shared_ptr<UnaryCall> call_;
};

// Abseil's and not a condition variable of glibc's, whose waiters make a system call more.
class BlockingEvent final : public Transport::Event,
                            public std::enable_shared_from_this<BlockingEvent> {
 public:
  void Set() override {
    // The waiter may drop its reference as soon as it has seen the flag.
    const std::shared_ptr<BlockingEvent> keep = shared_from_this();
    is_set_.Notify();
  }
  bool Wait(Nanos limit) override {
    return is_set_.WaitForNotificationWithTimeout(absl::FromChrono(limit));
  }

 private:
  absl::Notification is_set_;
};

class GrpcTransport final : public Transport {
 public:
  GrpcTransport(const GrpcTransportOptions& options, std::shared_ptr<grpc::Channel> channel)
      : target_(options.target),
        channel_(std::move(channel)),
        api_key_provider_(options.api_key_provider) {
    if (!options.namespace_.empty())
      metadata_.emplace_back("temporal-namespace", options.namespace_);
    metadata_.emplace_back("client-name", kClientName);
    metadata_.emplace_back("client-version", kClientVersion);
    if (!options.api_key.empty() && !options.api_key_provider) {
      metadata_.emplace_back("authorization", absl::StrCat("Bearer ", options.api_key));
    }
    metadata_.insert(metadata_.end(), options.metadata.begin(), options.metadata.end());
  }

  std::unique_ptr<Call> Start(std::string_view method, const Message& request, Message* response,
                              const CallOptions& options, Executor* executor, Done done) override {
    auto* loop = dynamic_cast<GrpcLoop*>(executor);
    // A foreign executor's call runs on the client's loop and is handed over when it is answered.
    auto call = std::make_shared<UnaryCall>(loop ? loop : &loop_, loop ? nullptr : executor,
                                            std::move(done));
    grpc::ClientContext& context = call->context();
    for (const auto& [key, value] : metadata_) context.AddMetadata(key, value);
    for (const auto& [key, value] : options.metadata) context.AddMetadata(key, value);
    if (api_key_provider_) {
      absl::Status status = AddApiKey(&context);
      if (!status.ok()) return Refuse(std::move(call), std::move(status));
    }
    context.set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                      gpr_time_from_nanos(options.timeout.count(), GPR_TIMESPAN)));
    call->Start(channel_.get(), MethodOf(method), request, response);
    return std::make_unique<CallHandle>(std::move(call));
  }

  Executor* executor() override { return &loop_; }
  std::unique_ptr<Executor> NewExecutor(std::string_view name) override {
    return std::make_unique<GrpcLoop>(name);
  }
  std::shared_ptr<Event> NewEvent() override { return std::make_shared<BlockingEvent>(); }
  void RunBlocking(absl::AnyInvocable<void()> task) override { pool_.Run(std::move(task)); }
  const std::string& target() const override { return target_; }

 private:
  absl::Status AddApiKey(grpc::ClientContext* context) const {
    try {
      context->AddMetadata("authorization", absl::StrCat("Bearer ", api_key_provider_()));
    } catch (const std::exception& error) {
      return absl::UnauthenticatedError(
          absl::StrCat("ClientOptions::api_key_provider: ", error.what()));
    }
    return absl::OkStatus();
  }
  static std::unique_ptr<Call> Refuse(std::shared_ptr<UnaryCall> call, absl::Status status) {
    call->Refuse(std::move(status));
    return std::make_unique<CallHandle>(std::move(call));
  }

  // Registered with the channel once, so that a call does not copy its path.
  const grpc::internal::RpcMethod& MethodOf(std::string_view path) {
    const std::lock_guard lock(mutex_);
    auto found = methods_.find(path);
    if (found == methods_.end()) {
      found = methods_.emplace(std::string(path), nullptr).first;
      found->second = std::make_unique<grpc::internal::RpcMethod>(
          found->first.c_str(), grpc::internal::RpcMethod::NORMAL_RPC, channel_);
    }
    return *found->second;
  }

  const std::string target_;
  const std::shared_ptr<grpc::Channel> channel_;  // Shared with gRPC's own threads.
  const std::function<std::string()> api_key_provider_;
  Metadata metadata_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<grpc::internal::RpcMethod>, std::less<>> methods_;
  BlockingPool pool_;
  GrpcLoop loop_{"perdure-client"};
};

// The system's certificate authorities are what gRPC uses where none are given.
std::shared_ptr<grpc::ChannelCredentials> UnverifiedCredentials(const GrpcTlsOptions& tls) {
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_verify_server_certs(false);
  options.set_check_call_host(false);
  options.set_certificate_verifier(std::make_shared<grpc::experimental::NoOpCertificateVerifier>());
  if (!tls.client_cert.empty()) {
    const std::vector<grpc::experimental::IdentityKeyCertPair> pairs = {
        {tls.client_key, tls.client_cert}};
    options.set_certificate_provider(
        std::make_shared<grpc::experimental::StaticDataCertificateProvider>(pairs));
    options.watch_identity_key_cert_pairs();
  }
  return grpc::experimental::TlsCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> Credentials(const GrpcTransportOptions& options) {
  if (!options.tls) return grpc::InsecureChannelCredentials();
  if (!options.tls->verify_server) return UnverifiedCredentials(*options.tls);
  grpc::SslCredentialsOptions ssl;
  ssl.pem_root_certs = options.tls->server_ca;
  ssl.pem_cert_chain = options.tls->client_cert;
  ssl.pem_private_key = options.tls->client_key;
  return grpc::SslCredentials(ssl);
}

bool IsLoopback(const std::string& target) {
  const absl::string_view host = target;
  return absl::StartsWith(host, "127.") || absl::StartsWith(host, "localhost") ||
         absl::StartsWith(host, "[::1]") || absl::StartsWith(host, "unix:");
}

grpc::ChannelArguments Arguments(const GrpcTransportOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(static_cast<int>(options.receive_size_max));
  arguments.SetMaxSendMessageSize(
      -1);  // What is too large is refused with a better message (payload_limits.h).
  const auto millis = [](Nanos nanos) {
    return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(nanos).count());
  };
  if (options.keepalive_interval > Nanos(0)) {
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, millis(options.keepalive_interval));
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, millis(options.keepalive_timeout));
    arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  }
  // Retries are client/retry.h's, which knows what may be repeated; gRPC's cost a buffer per call.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_ENABLE_CHANNELZ, 0);
  // Clients of one process do not share connections: one that is closed does not disturb another.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (IsLoopback(options.target)) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetUserAgentPrefix(
      absl::StrCat(absl::string_view(kClientName.data(), kClientName.size()), "/",
                   absl::string_view(kClientVersion.data(), kClientVersion.size())));
  if (options.tls && !options.tls->server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls->server_name);
  }
  if (!options.authority.empty()) {
    arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, options.authority);
  }
  return arguments;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Transport>> NewGrpcTransport(GrpcTransportOptions options) {
  // Debian's Abseil follows every mutex of gRPC in a graph, looking for cycles: a twentieth of a
  // call's cost.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  if (options.target.empty()) return absl::InvalidArgumentError("the server's address is empty");
  if (options.tls && options.tls->client_cert.empty() != options.tls->client_key.empty()) {
    return absl::InvalidArgumentError(
        "TLS: a client certificate needs its key, and a key its certificate");
  }
  std::shared_ptr<grpc::ChannelCredentials> credentials = Credentials(options);
  if (credentials == nullptr) {
    return absl::InvalidArgumentError("TLS: the certificates make no credentials");
  }
  auto channel = grpc::CreateCustomChannel(options.target, credentials, Arguments(options));
  return std::make_unique<GrpcTransport>(options, std::move(channel));
}

}  // namespace perdure::client
