#include "auth/access.h"

#include <set>

#include "base/errors.h"
#include "gtest/gtest.h"
#include "perdure/cluster/v1/service.pb.h"
#include "temporal/api/errordetails/v1/message.pb.h"
#include "temporal/api/operatorservice/v1/request_response.pb.h"
#include "temporal/api/operatorservice/v1/service.pb.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"
#include "temporal/api/workflowservice/v1/service.pb.h"

namespace perdure::auth {
namespace {

namespace api = temporal::api::workflowservice::v1;
namespace operator_api = temporal::api::operatorservice::v1;
using google::protobuf::MethodDescriptor;

std::vector<const MethodDescriptor*> AllMethods() {
  // Files without messages are referred to by nobody, so a linker would leave them out.
  [[maybe_unused]] const void* volatile linked =
      &descriptor_table_temporal_2fapi_2fworkflowservice_2fv1_2fservice_2eproto;
  linked = &descriptor_table_temporal_2fapi_2foperatorservice_2fv1_2fservice_2eproto;
  linked = &descriptor_table_perdure_2fcluster_2fv1_2fservice_2eproto;
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  std::vector<const MethodDescriptor*> methods;
  for (const char* name :
       {"temporal.api.workflowservice.v1.WorkflowService",
        "temporal.api.operatorservice.v1.OperatorService", "perdure.cluster.v1.ClusterService"}) {
    const auto* service = pool->FindServiceByName(name);
    for (int i = 0; i < service->method_count(); ++i) methods.push_back(service->method(i));
  }
  return methods;
}

const MethodDescriptor& MethodOf(absl::string_view name) {
  for (const MethodDescriptor* method : AllMethods()) {
    if (method->name() == name) return *method;
  }
  ADD_FAILURE() << name;
  return *AllMethods()[0];
}

Principal With(std::initializer_list<const char*> permissions) {
  Principal principal;
  principal.name = "ann";
  for (const char* permission : permissions) EXPECT_TRUE(principal.Grant(permission));
  return principal;
}

TEST(AccessTable, HasEveryMethodOfTheApiAndNothingElse) {
  std::set<std::string> names;
  for (const MethodDescriptor* method : AllMethods()) {
    EXPECT_TRUE(names.insert(method->name()).second) << "two methods are called " << method->name();
    EXPECT_NE(FindAccess(method->name()), nullptr) << method->full_name() << " has no row";
  }
  for (const Access& access : AccessTable()) {
    EXPECT_TRUE(names.contains(std::string(access.method))) << access.method << " is no method";
  }
}

TEST(AccessTable, WhatIsOfANamespaceNamesIt) {
  for (const MethodDescriptor* method : AllMethods()) {
    const auto* field = method->input_type()->FindFieldByName("namespace");
    const bool is_of_namespace = FindAccess(method->name())->scope == Scope::kNamespace;
    if (is_of_namespace) {
      EXPECT_NE(field, nullptr) << method->name();
    }
  }
}

TEST(AccessTable, NothingThatChangesIsOpenToReaders) {
  for (const Access& access : AccessTable()) {
    if (access.effect == Effect::kChange) {
      EXPECT_GE(access.role, Role::kWorker) << access.method;
    }
    const bool sounds_like_reading = access.method.substr(0, 3) == "Get" ||
                                     access.method.substr(0, 4) == "List" ||
                                     access.method.substr(0, 8) == "Describe";
    if (sounds_like_reading) {
      EXPECT_EQ(access.effect, Effect::kRead) << access.method;
      EXPECT_LE(access.role, Role::kReader) << access.method;
    }
  }
}

TEST(Authorize, EachMethodTakesExactlyItsRole) {
  const std::pair<const char*, Role> roles[] = {{"read", Role::kReader},
                                                {"worker", Role::kWorker},
                                                {"write", Role::kWriter},
                                                {"admin", Role::kAdmin}};
  for (const MethodDescriptor* method : AllMethods()) {
    const Access& access = *FindAccess(method->name());
    const std::unique_ptr<google::protobuf::Message> request(
        google::protobuf::MessageFactory::generated_factory()
            ->GetPrototype(method->input_type())
            ->New());
    for (const auto& [word, role] : roles) {
      const bool is_enough = role >= access.role;
      const bool is_here = access.scope == Scope::kNamespace || access.role == Role::kNone;
      const auto may = [&](const std::string& permission) {
        Principal principal;
        principal.Grant(permission);
        return Authorize(principal, *method, "mine", *request).ok();
      };
      EXPECT_EQ(may(absl::StrCat("mine:", word)), is_enough && is_here) << method->name();
      EXPECT_EQ(may(absl::StrCat("other:", word)), access.role == Role::kNone) << method->name();
      EXPECT_EQ(may(absl::StrCat("temporal-system:", word)), is_enough) << method->name();
    }
    EXPECT_EQ(Authorize(Principal(), *method, "mine", *request).ok(), access.role == Role::kNone);
  }
}

TEST(Authorize, ARefusalIsTemporalsFailureAndNamesTheRole) {
  const auto status = Authorize(With({"shop:read"}), MethodOf("StartWorkflowExecution"), "shop",
                                api::StartWorkflowExecutionRequest());
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  temporal::api::errordetails::v1::PermissionDeniedFailure detail;
  ASSERT_TRUE(base::GetDetail(status, detail));
  EXPECT_EQ(detail.reason(), "StartWorkflowExecution takes the role writer in namespace \"shop\".");
}

TEST(Authorize, AWorkersCommandsReachOtherNamespacesOnlyAsAWriterThere) {
  api::RespondWorkflowTaskCompletedRequest request;
  request.add_commands()->mutable_start_child_workflow_execution_command_attributes();
  const MethodDescriptor& method = MethodOf("RespondWorkflowTaskCompleted");
  const auto may = [&](std::initializer_list<const char*> permissions) {
    return Authorize(With(permissions), method, "a", request).ok();
  };
  EXPECT_TRUE(may({"a:worker"}));
  auto& command = *request.add_commands();
  command.mutable_signal_external_workflow_execution_command_attributes()->set_namespace_("a");
  EXPECT_TRUE(may({"a:worker"}));
  command.mutable_signal_external_workflow_execution_command_attributes()->set_namespace_("b");
  EXPECT_FALSE(may({"a:worker"}));
  EXPECT_FALSE(may({"a:admin", "b:worker"}));
  EXPECT_TRUE(may({"a:worker", "b:write"}));
  request.clear_commands();
  request.add_commands()
      ->mutable_request_cancel_external_workflow_execution_command_attributes()
      ->set_namespace_("b");
  EXPECT_FALSE(may({"a:worker"}));
  request.clear_commands();
  request.add_commands()
      ->mutable_start_child_workflow_execution_command_attributes()
      ->set_namespace_("b");
  EXPECT_FALSE(may({"a:worker"}));

  api::ExecuteMultiOperationRequest multi;
  multi.add_operations()->mutable_start_workflow()->set_namespace_("b");
  EXPECT_FALSE(Authorize(With({"a:write"}), MethodOf("ExecuteMultiOperation"), "a", multi).ok());
}

TEST(Authorize, ANamespaceByItsIdTakesASystemRole) {
  api::DescribeNamespaceRequest request;
  request.set_namespace_("a");
  request.set_id("the id of b");
  const MethodDescriptor& method = MethodOf("DescribeNamespace");
  EXPECT_FALSE(Authorize(With({"a:admin"}), method, "a", request).ok());
  EXPECT_TRUE(Authorize(With({"temporal-system:read"}), method, "a", request).ok());
  operator_api::DeleteNamespaceRequest erase;
  erase.set_namespace_("a");
  erase.set_namespace_id("the id of b");
  EXPECT_FALSE(Authorize(With({"a:admin"}), MethodOf("DeleteNamespace"), "a", erase).ok());
}

TEST(Principal, GrantsOnlyWhatIsWrittenAsAPermission) {
  Principal principal;
  for (const char* text : {"", ":", "a", "a:", ":admin", "a:root", "a:Admin", " "}) {
    EXPECT_FALSE(principal.Grant(text)) << text;
  }
  EXPECT_TRUE(principal.roles.empty());
  EXPECT_EQ(principal.RoleIn(""), Role::kNone);
  EXPECT_TRUE(principal.Grant("a:b:read"));
  EXPECT_EQ(principal.RoleIn("a:b"), Role::kReader);
  EXPECT_TRUE(principal.Grant("a:b:admin"));
  EXPECT_TRUE(principal.Grant("a:b:worker"));
  EXPECT_EQ(principal.RoleIn("a:b"), Role::kAdmin);
  EXPECT_TRUE(principal.Grant("system:worker"));
  EXPECT_EQ(principal.RoleIn("anywhere"), Role::kWorker);
}

}  // namespace
}  // namespace perdure::auth
