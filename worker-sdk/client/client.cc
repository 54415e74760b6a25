#include "perdure/client.h"

#include <unistd.h>

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "perdure/client_errors.h"
#include "worker-sdk/client/connection.h"
#include "worker-sdk/client/context_propagation.h"
#include "worker-sdk/client/grpc_transport.h"
#include "worker-sdk/client/interceptor_chain.h"
#include "worker-sdk/client/metered_transport.h"
#include "worker-sdk/client/server_calls.h"

namespace perdure {
namespace {

std::string DefaultIdentity() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host = {"unknown"};
  return absl::StrCat(getpid(), "@", host.data());
}

client::GrpcTransportOptions TransportOptions(const ClientOptions& options) {
  client::GrpcTransportOptions transport;
  transport.target = options.target;
  transport.namespace_ = options.namespace_;
  transport.api_key = options.api_key;
  transport.api_key_provider = options.api_key_provider;
  transport.authority = options.authority;
  transport.metadata = options.metadata;
  transport.keepalive_interval = options.keepalive_interval;
  transport.keepalive_timeout = options.keepalive_timeout;
  if (options.disable_tls) return transport;
  if (options.tls) {
    transport.tls = client::GrpcTlsOptions{.server_ca = options.tls->server_ca_cert,
                                           .client_cert = options.tls->client_cert,
                                           .client_key = options.tls->client_private_key,
                                           .server_name = options.tls->server_name,
                                           .verify_server = options.tls->verify_server};
  } else if (!options.api_key.empty() || options.api_key_provider) {
    transport.tls = client::GrpcTlsOptions{};
  }
  return transport;
}

client::ConnectionOptions ConnectionOptionsOf(const ClientOptions& options) {
  client::ConnectionOptions connection;
  connection.namespace_ = options.namespace_;
  connection.identity = options.identity.empty() ? DefaultIdentity() : options.identity;
  connection.rpc_timeout = options.rpc_timeout;
  connection.codecs = options.codecs;
  connection.metrics = options.metrics;
  connection.failure_converter = options.failure_converter;
  connection.encode_failure_attributes = options.encode_failure_attributes;
  connection.limits = {.payload_size_max = options.payload_size_max,
                       .request_size_max = options.request_size_max};
  return connection;
}

[[noreturn]] void ThrowConnectError(const ClientOptions& options, const absl::Status& status) {
  throw ConnectError(options.target, static_cast<RpcCode>(status.code()),
                     std::string_view(status.message().data(), status.message().size()));
}

// Old servers do not know the call; that they answer is enough.
void AskForSystemInfo(const ClientOptions& options, client::Connection* connection) {
  client::api::GetSystemInfoRequest request;
  client::api::GetSystemInfoResponse response;
  const absl::Status status =
      connection->Call(client::CallKind::kUnary, PERDURE_WORKFLOW_METHOD("GetSystemInfo"), &request,
                       &response, {.limit = options.connect_timeout, .stop = options.stop});
  if (!status.ok() && status.code() != absl::StatusCode::kUnimplemented) {
    ThrowConnectError(options, status);
  }
  connection->set_system_info(std::move(response));
}

}  // namespace

Client Client::connect() { return connect(ClientOptions::from_environment()); }

Client Client::connect(ClientOptions options) {
  auto transport = client::NewGrpcTransport(TransportOptions(options));
  if (!transport.ok()) ThrowConnectError(options, transport.status());
  auto connection = std::make_shared<client::Connection>(
      client::Metered(*std::move(transport), options.namespace_, options.metrics),
      ConnectionOptionsOf(options));
  if (!options.lazy) AskForSystemInfo(options, connection.get());
  return Client(std::move(connection),
                client::WithPropagation(std::move(options.interceptors),
                                        std::move(options.context_propagators)));
}

Client::Client(std::shared_ptr<client::Connection> connection,
               std::vector<std::shared_ptr<ClientInterceptor>> interceptors)
    : connection_(std::move(connection)),
      calls_(
          client::Intercepted(std::make_shared<client::ServerCalls>(connection_), interceptors)) {}

const std::string& Client::namespace_() const { return connection_->namespace_(); }
const std::string& Client::identity() const { return connection_->identity(); }
const std::string& Client::target() const { return connection_->transport().target(); }

Client Client::with_stop(std::stop_token stop) const {
  Client client = *this;
  client.calls_ = calls_->with_stop(std::move(stop));
  return client;
}

WorkflowList Client::list(std::string_view query, std::int32_t page_size) const {
  return {calls_, ListInput{.query = std::string(query), .page_size = page_size, .page_token = {}}};
}

WorkflowCount Client::count(std::string_view query) const {
  return calls_->count_workflows(std::string(query));
}

ActivityHandle Client::activity(std::string_view task_token) const {
  ActivityTarget target;
  target.task_token = std::string(task_token);
  return {calls_, std::move(target)};
}

ActivityHandle Client::activity(std::string_view workflow_id, std::string_view run_id,
                                std::string_view activity_id) const {
  ActivityTarget target;
  target.workflow_id = std::string(workflow_id);
  target.run_id = std::string(run_id);
  target.activity_id = std::string(activity_id);
  return {calls_, std::move(target)};
}

UpdateWithStartInput Client::update_start_input(StartInput start, std::string_view name,
                                                Payloads arguments, const update_options& options) {
  UpdateWithStartInput input;
  input.start = std::move(start);
  input.update.update_id = options.id.empty() ? client::RandomId() : std::string(options.id);
  input.update.name = std::string(name);
  input.update.args = std::move(arguments);
  if (options.headers) input.update.headers = *options.headers;
  input.update.wait_for = options.wait_for;
  return input;
}

RunTarget Client::target_of(std::string_view id, std::string_view run_id) {
  return {.workflow_id = std::string(id), .run_id = std::string(run_id), .first_run_id = {}};
}

}  // namespace perdure
