// Where transports report each finished call, for metrics.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"

namespace perdure::rpc {

// Thread-safe; called on the thread that answers, so it must be quick.
class RpcObserver {
 public:
  virtual ~RpcObserver() = default;
  // `name_space` is the request's namespace field, empty if it has none.
  virtual void OnCall(const google::protobuf::MethodDescriptor& method,
                      absl::string_view name_space, absl::StatusCode code,
                      absl::Duration latency) = 0;
};

}  // namespace perdure::rpc
