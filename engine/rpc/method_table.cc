#include "rpc/method_table.h"

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "perdure/cluster/v1/service.pb.h"
#include "temporal/api/operatorservice/v1/service.pb.h"
#include "temporal/api/workflowservice/v1/service.pb.h"

namespace perdure::rpc {

using google::protobuf::FieldDescriptor;

std::string Method::NamespaceOf(const google::protobuf::Message& request) const {
  if (namespace_field == nullptr) return "";
  return request.GetReflection()->GetString(request, namespace_field);
}

MethodTable::MethodTable(const std::vector<const google::protobuf::ServiceDescriptor*>& services) {
  for (const auto* service : services) {
    for (int i = 0; i < service->method_count(); ++i) {
      const auto* descriptor = service->method(i);
      if (descriptor->client_streaming() || descriptor->server_streaming()) continue;
      Method method;
      method.descriptor = descriptor;
      method.path = absl::StrCat("/", service->full_name(), "/", descriptor->name());
      method.request_prototype =
          google::protobuf::MessageFactory::generated_factory()->GetPrototype(
              descriptor->input_type());
      const FieldDescriptor* field = descriptor->input_type()->FindFieldByName("namespace");
      if (field != nullptr && field->type() == FieldDescriptor::TYPE_STRING &&
          !field->is_repeated()) {
        method.namespace_field = field;
      }
      methods_.push_back(std::move(method));
    }
  }
  for (const Method& method : methods_) by_path_.emplace(method.path, &method);
}

const Method* MethodTable::Find(absl::string_view path) const {
  const auto found = by_path_.find(path);
  return found == by_path_.end() ? nullptr : found->second;
}

std::vector<const google::protobuf::ServiceDescriptor*> PublicServices() {
  // Files without messages are referred to by nobody, so a linker would leave them out.
  [[maybe_unused]] const void* volatile linked =
      &descriptor_table_temporal_2fapi_2fworkflowservice_2fv1_2fservice_2eproto;
  linked = &descriptor_table_temporal_2fapi_2foperatorservice_2fv1_2fservice_2eproto;
  linked = &descriptor_table_perdure_2fcluster_2fv1_2fservice_2eproto;
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  const auto* own = pool->FindServiceByName("perdure.cluster.v1.ClusterService");
  PERDURE_CHECK(own != nullptr);
  const auto* workflow = pool->FindServiceByName("temporal.api.workflowservice.v1.WorkflowService");
  const auto* operators =
      pool->FindServiceByName("temporal.api.operatorservice.v1.OperatorService");
  PERDURE_CHECK(workflow != nullptr);
  PERDURE_CHECK(operators != nullptr);
  return {workflow, operators, own};
}

}  // namespace perdure::rpc
