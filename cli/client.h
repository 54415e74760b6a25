// A connection to a server, and one call over it: blocking, without generated stubs.
//
// Belongs to one command; thread-safe because the channel is.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/impl/codegen/proto_utils.h"

namespace perdure::cli {

struct ConnectionOptions {
  std::string address = "127.0.0.1:7233";
  std::string name_space = "default";
  std::optional<bool> use_tls;  // unset: with a certificate or an API key
  std::string tls_ca_path;
  std::string tls_cert_path;
  std::string tls_key_path;
  std::string tls_server_name;
  std::string api_key;
  std::string command_timeout;  // a duration; empty: 10 s a call
};

inline constexpr char kWorkflowService[] = "/temporal.api.workflowservice.v1.WorkflowService/";
inline constexpr char kClusterService[] = "/perdure.cluster.v1.ClusterService/";
inline constexpr char kOperatorService[] = "/temporal.api.operatorservice.v1.OperatorService/";
inline constexpr char kHealthService[] = "/grpc.health.v1.Health/";

class Client {
 public:
  // INVALID_ARGUMENT if a certificate or the timeout cannot be read; does not connect yet.
  static absl::StatusOr<std::unique_ptr<Client>> Make(const ConnectionOptions& options);

  // `service` is one of the constants above.
  template <class Response, class Request>
  absl::StatusOr<Response> Call(absl::string_view service, absl::string_view method,
                                const Request& request) {
    return CallFor<Response>(service, method, request, timeout_);
  }
  // For long polls, whose time is not the command's.
  template <class Response, class Request>
  absl::StatusOr<Response> CallFor(absl::string_view service, absl::string_view method,
                                   const Request& request, absl::Duration timeout) {
    grpc::ClientContext context;
    Prepare(context, timeout);
    Response response;
    grpc::Status status;
    absl::Notification done;
    grpc::TemplatedGenericStub<Request, Response> stub(channel_);
    stub.UnaryCall(&context, absl::StrCat(service, method), grpc::StubOptions(), &request,
                   &response, [&status, &done](grpc::Status answered) {
                     status = std::move(answered);
                     done.Notify();
                   });
    done.WaitForNotification();
    if (!status.ok()) return ToStatus(status);
    return response;
  }

  const std::string& name_space() const { return name_space_; }

 private:
  Client(std::shared_ptr<grpc::Channel> channel, const ConnectionOptions& options,
         absl::Duration timeout)
      : channel_(std::move(channel)),
        name_space_(options.name_space),
        api_key_(options.api_key),
        timeout_(timeout) {}

  void Prepare(grpc::ClientContext& context, absl::Duration timeout) const;
  static absl::Status ToStatus(const grpc::Status& status);

  const std::shared_ptr<grpc::Channel> channel_;  // shared with gRPC's own threads
  const std::string name_space_;
  const std::string api_key_;
  const absl::Duration timeout_;
};

}  // namespace perdure::cli
