// Raw access: any method of the server by its generated request and response.
//
// The one public header that shows protobuf: include it where you need it, and link the generated
// code (perdure::protos). Payload codecs, limits, retries and metadata are as in all calls; the
// namespace is yours to set.
//
//   temporal::api::workflowservice::v1::ListTaskQueuePartitionsRequest request;
//   auto response =
//   client.raw().workflow_service<ListTaskQueuePartitionsResponse>("ListTaskQueuePartitions",
//   request);
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "google/protobuf/message.h"
#include "perdure/client.h"

namespace perdure {

// As interceptors see it. Both messages live as long as the call.
struct RawCallInput {
  std::string path;  // "/temporal.api.workflowservice.v1.WorkflowService/DescribeNamespace"
  google::protobuf::Message* request = nullptr;
  google::protobuf::Message* response = nullptr;
  bool is_long_poll = false;
};

class RawClient {
 public:
  explicit RawClient(std::shared_ptr<ClientCalls> calls) : calls_(std::move(calls)) {}

  // Throw RpcError.
  template <class Response, class Request>
  Response workflow_service(std::string_view method, Request request) const {
    return call<Response>("/temporal.api.workflowservice.v1.WorkflowService/", method,
                          std::move(request));
  }
  template <class Response, class Request>
  Response operator_service(std::string_view method, Request request) const {
    return call<Response>("/temporal.api.operatorservice.v1.OperatorService/", method,
                          std::move(request));
  }
  // Of any service: the service's part of the path has both slashes.
  template <class Response, class Request>
  Response call(std::string_view service, std::string_view method, Request request) const {
    Response response;
    send(std::string(service) + std::string(method), &request, &response);
    return response;
  }
  // For methods that wait on the server: no limit of attempts, 70 s each.
  RawClient long_poll() const {
    RawClient raw(calls_);
    raw.is_long_poll_ = true;
    return raw;
  }

 private:
  void send(std::string path, google::protobuf::Message* request,
            google::protobuf::Message* response) const;

  std::shared_ptr<ClientCalls> calls_;  // Shared with the client and its handles.
  bool is_long_poll_ = false;
};

}  // namespace perdure
