// What a transport (gRPC, HTTP) calls: every RPC of the public API by its descriptor. Implemented
// by frontend/.
#pragma once

#include <memory>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "services/call.h"

namespace perdure::services {

// Thread-safe.
class RpcHandler {
 public:
  virtual ~RpcHandler() = default;
  // `request` is of the method's input type; the reply, of its output type. What is not built
  // answers UNIMPLEMENTED and names the method.
  virtual void Call(const google::protobuf::MethodDescriptor& method, CallContext context,
                    std::unique_ptr<google::protobuf::Message> request,
                    Reply<std::unique_ptr<google::protobuf::Message>> reply) = 0;
};

}  // namespace perdure::services
