// The unary methods that the server answers, built once from the generated descriptors.
//
// Value, immutable after it is made. Pointers into it stay valid as long as it lives.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace perdure::rpc {

struct Method {
  const google::protobuf::MethodDescriptor* descriptor = nullptr;
  std::string path;  // "/package.Service/Method"
  const google::protobuf::Message* request_prototype = nullptr;
  // The request's string field `namespace`, null if it has none.
  const google::protobuf::FieldDescriptor* namespace_field = nullptr;

  std::unique_ptr<google::protobuf::Message> NewRequest() const {
    return std::unique_ptr<google::protobuf::Message>(request_prototype->New());
  }
  // The namespace that the request names, empty if none.
  std::string NamespaceOf(const google::protobuf::Message& request) const;
};

class MethodTable {
 public:
  // All unary methods of these services, which the program must have linked in.
  explicit MethodTable(const std::vector<const google::protobuf::ServiceDescriptor*>& services);

  const std::deque<Method>& methods() const { return methods_; }
  // Null if there is none.
  const Method* Find(absl::string_view path) const;

 private:
  std::deque<Method> methods_;
  absl::flat_hash_map<absl::string_view, const Method*> by_path_;
};

// temporal.api.workflowservice.v1.WorkflowService, temporal.api.operatorservice.v1.OperatorService
// and our own perdure.cluster.v1.ClusterService.
std::vector<const google::protobuf::ServiceDescriptor*> PublicServices();

}  // namespace perdure::rpc
