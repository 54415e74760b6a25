// The answers of gRPC server reflection, from the descriptors linked into the program.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "grpc/reflection/v1/reflection.pb.h"

namespace perdure::rpc {

// Value. `services` are the full names that list_services tells. Versions v1 and v1alpha have the
// same bytes on the wire, so this serves both.
class Reflection {
 public:
  explicit Reflection(std::vector<std::string> services) : services_(std::move(services)) {}

  // What is not found, or a file that this build does not hold, is an ErrorResponse.
  grpc::reflection::v1::ServerReflectionResponse Answer(
      const grpc::reflection::v1::ServerReflectionRequest& request) const;

 private:
  std::vector<std::string> services_;
};

}  // namespace perdure::rpc
