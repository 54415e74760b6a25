// For tests: a gRPC server in the test's process that answers as it is told, on a port of the
// system's choice.
//
// Handlers run on gRPC's threads, one at a time. Ends with the test.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"

namespace perdure::client {

struct ScriptedCall {
  std::string method;  // The last part of the path.
  std::string request;
  std::multimap<std::string, std::string> metadata;
};

class ScriptedServer {
 public:
  // Nothing: the call is left open until the client cancels it.
  using Reply = std::optional<absl::StatusOr<std::string>>;
  using Handler = std::function<Reply(const ScriptedCall&)>;

  ScriptedServer();
  // With other than insecure credentials.
  explicit ScriptedServer(const std::shared_ptr<grpc::ServerCredentials>& credentials);
  ~ScriptedServer();

  const std::string& target() const { return target_; }
  // What is not scripted is UNIMPLEMENTED.
  void On(const std::string& method, Handler handler);
  // Typed: OnCall<Request, Response>("Method", [](const Request&) -> absl::StatusOr<Response>).
  template <class Request, class Response>
  void OnCall(const std::string& method,
              std::function<absl::StatusOr<Response>(const Request&)> handler) {
    On(method, [handler = std::move(handler)](const ScriptedCall& call) -> Reply {
      Request request;
      request.ParseFromString(call.request);
      absl::StatusOr<Response> response = handler(request);
      if (!response.ok()) return response.status();
      return response->SerializeAsString();
    });
  }
  // The same answer to every call of a method.
  template <class Response>
  void Answers(const std::string& method, const Response& response = {}) {
    On(method,
       [text = response.SerializeAsString()](const ScriptedCall&) -> Reply { return text; });
  }
  std::vector<ScriptedCall> calls() const;
  // The last request of a method; an empty one if there was none.
  template <class Request>
  Request Last(const std::string& method) const {
    Request request;
    for (const ScriptedCall& call : calls()) {
      if (call.method == method) request.ParseFromString(call.request);
    }
    return request;
  }
  std::int64_t CountOf(const std::string& method) const;
  // Calls that were left open and have been canceled since.
  std::int64_t canceled() const;
  // The client's cancel comes to the server after it has come to the caller. False: it did not
  // come.
  bool WaitForCanceled(std::int64_t count) const;

 private:
  class Service;
  class Reactor;

  Reply Answer(const ScriptedCall& call);

  mutable std::mutex mutex_;  // Guards the three below.
  std::map<std::string, Handler> handlers_;
  std::vector<ScriptedCall> calls_;
  std::int64_t canceled_ = 0;
  mutable std::condition_variable canceled_changed_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::string target_;
};

}  // namespace perdure::client
