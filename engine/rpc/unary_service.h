// Unary calls over raw bytes: every method of a table registered with gRPC without generated code.
// Registered methods get their request together with the call, one trip through the completion
// queue less than a generic call. Internal to rpc/.
#pragma once

#include <atomic>
#include <deque>

#include "grpcpp/completion_queue.h"
#include "grpcpp/impl/service_type.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/async_unary_call.h"
#include "rpc/dispatch.h"
#include "rpc/method_table.h"
#include "rpc/open_calls.h"

namespace perdure::rpc {

// Thread-safe. Outlives its calls: the server waits for `open_calls` before it goes.
class UnaryService final : public grpc::Service {
 public:
  // `request_size_max`: of a request that comes compressed, inflated.
  UnaryService(const MethodTable& methods, const Dispatcher& dispatcher, OpenCalls& open_calls,
               int64_t request_size_max);

  // After the server has started: asks for the first calls of each method on that queue.
  void Listen(grpc::ServerCompletionQueue& queue);

 private:
  friend class UnaryCall;

  void RequestCall(int method_index, grpc::ServerCompletionQueue& queue);

  const MethodTable& methods_;
  const Dispatcher& dispatcher_;
  OpenCalls& open_calls_;
  const int64_t request_size_max_;
};

}  // namespace perdure::rpc
