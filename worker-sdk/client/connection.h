// A server as the SDK sees it: a transport, and what is done to every call: payload codecs, limits,
// retries.
//
// Thread-safe. Shared by a Client, its copies and handles, and its workers; the transport ends with
// the last of them.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "perdure/failure_converter.h"
#include "perdure/metrics.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"
#include "worker-sdk/client/payload_pipeline.h"
#include "worker-sdk/client/retry.h"
#include "worker-sdk/client/retrying_call.h"
#include "worker-sdk/client/transport.h"

namespace perdure::client {

namespace api = temporal::api::workflowservice::v1;

inline constexpr Nanos kLongPollTimeout = std::chrono::seconds(70);

struct ConnectionOptions {
  std::string namespace_ = "default";
  std::string identity;
  Nanos rpc_timeout = std::chrono::seconds(10);
  std::vector<std::shared_ptr<PayloadCodec>> codecs;
  bool encode_failure_attributes = false;
  PayloadLimits limits;
  std::shared_ptr<MetricsSink>
      metrics;  // Null: none. Calls are counted by the transport (metered_transport.h).
  std::shared_ptr<FailureConverter> failure_converter;  // Null: the default one.
};

// A worker of the same connection that takes the first task of a workflow with the answer to its
// start.
class EagerStarter {
 public:
  virtual ~EagerStarter() = default;
  // True: a slot is kept for a workflow of this queue until Dispatch or Release. Any thread, as the
  // others.
  virtual bool Reserve(const std::string& task_queue) = 0;
  // The task's payloads are as they came: encoded.
  virtual void Dispatch(api::PollWorkflowTaskQueueResponse task) = 0;
  virtual void Release() = 0;
};

class Connection {
 public:
  Connection(std::unique_ptr<Transport> transport, ConnectionOptions options)
      : options_(std::move(options)),
        pipeline_(options_.codecs, options_.encode_failure_attributes, options_.limits),
        transport_(std::move(transport)) {}

  Transport& transport() { return *transport_; }
  PayloadPipeline& pipeline() { return pipeline_; }
  const std::string& namespace_() const { return options_.namespace_; }
  const std::string& identity() const { return options_.identity; }
  const std::shared_ptr<MetricsSink>& metrics() const { return options_.metrics; }
  const std::shared_ptr<FailureConverter>& failure_converter() const {
    return options_.failure_converter;
  }
  Nanos rpc_timeout() const { return options_.rpc_timeout; }

  // Encodes the request's payloads in place, calls with retries, decodes the response's. Blocks;
  // not for executors' threads. `method` is a path, a string literal.
  absl::Status Call(CallKind kind, std::string_view method, google::protobuf::Message* request,
                    google::protobuf::Message* response, const Waiting& waiting = {});
  // The same, but leaves the response as it came.
  absl::Status CallUndecoded(CallKind kind, std::string_view method,
                             google::protobuf::Message* request,
                             google::protobuf::Message* response, const Waiting& waiting = {});
  // Call for loops: both messages must live until `done` has run, on `executor`. Where the
  // request cannot be sent, `done` is posted and the handle is idle.
  std::unique_ptr<Transport::Call> Start(CallKind kind, std::string_view method,
                                         google::protobuf::Message* request,
                                         google::protobuf::Message* response, CallOptions options,
                                         Executor* executor, Transport::Done done);

  // `starter` must be removed before it is destroyed.
  void AddEagerStarter(EagerStarter* starter);
  void RemoveEagerStarter(EagerStarter* starter);
  // The first that has a slot for the queue; null if none has.
  EagerStarter* ReserveEager(const std::string& task_queue);

  // What the server can do, once somebody asked (connect() does).
  void set_system_info(api::GetSystemInfoResponse info);
  api::GetSystemInfoResponse system_info() const;

 private:
  const ConnectionOptions options_;
  PayloadPipeline pipeline_;
  mutable std::mutex mutex_;  // Guards the two below.
  std::vector<EagerStarter*> starters_;
  api::GetSystemInfoResponse system_info_;
  // Last: its end waits for calls, whose ends use the members above.
  const std::unique_ptr<Transport> transport_;
};

}  // namespace perdure::client
