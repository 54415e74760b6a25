// A guard with API keys in front of gRPC and HTTP.
#include "rpc/guard.h"

#include <unistd.h>

#include <fstream>
#include <sstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "auth/key_file.h"
#include "gmock/gmock.h"
#include "grpc/health/v1/health.pb.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/impl/client_unary_call.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/support/sync_stream.h"
#include "gtest/gtest.h"
#include "rpc/grpc_server.h"
#include "rpc/json_gateway.h"

namespace perdure::rpc {
namespace {

namespace api = temporal::api::workflowservice::v1;
using google::protobuf::Message;
using google::protobuf::MessageLite;

constexpr char kService[] = "/temporal.api.workflowservice.v1.WorkflowService/";

class StartHandler final : public services::RpcHandler {
 public:
  void Call(const google::protobuf::MethodDescriptor& method, services::CallContext context,
            std::unique_ptr<Message> request,
            services::Reply<std::unique_ptr<Message>> reply) override {
    ++calls_;
    principal_ = context.principal;
    auto response = std::make_unique<api::StartWorkflowExecutionResponse>();
    response->set_run_id("r-1");
    std::move(reply)(std::move(response));
  }
  int calls_ = 0;
  std::string principal_;
};

class GuardTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string keys = absl::StrCat(testing::TempDir(), "/perdure_guard_keys_", getpid());
    std::ofstream(keys) << "writer:" << Hex("w") << ":shop:write\nreader:" << Hex("r")
                        << ":shop:read\n";
    authenticator_ = *auth::Authenticator::Start({.api_keys = keys}, metrics_);
    audit_path_ = absl::StrCat(testing::TempDir(), "/perdure_guard_audit_", getpid());
    std::remove(audit_path_.c_str());
    audit_log_ = *auth::AuditLog::Open(audit_path_);
    guard_ = Guard({authenticator_.get(), audit_log_.get(), &metrics_});
    GrpcOptions options;
    options.port = 0;
    server_ = *GrpcServer::Start(options, handler_, health_, guard_, nullptr);
    channel_ = grpc::CreateChannel(absl::StrCat("127.0.0.1:", server_->port()),
                                   grpc::InsecureChannelCredentials());
    gateway_ = std::make_unique<JsonGateway>(handler_, health_, guard_, nullptr);
  }

  static std::string Hex(const std::string& key) {
    const auth::Digest digest = auth::Sha256(key);
    return absl::BytesToHexString(
        absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
  }

  grpc::StatusCode Call(const std::string& path, const std::string& key, const Message& request,
                        Message& response) {
    const grpc::internal::RpcMethod method(path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
    grpc::ClientContext context;
    if (!key.empty()) context.AddMetadata("authorization", "Bearer " + key);
    return grpc::internal::BlockingUnaryCall<MessageLite, MessageLite, MessageLite, MessageLite>(
               channel_.get(), method, &context, request, &response)
        .error_code();
  }
  grpc::StatusCode Start(const std::string& key) {
    api::StartWorkflowExecutionRequest request;
    request.set_namespace_("shop");
    request.set_workflow_id("o-1");
    api::StartWorkflowExecutionResponse response;
    return Call(absl::StrCat(kService, "StartWorkflowExecution"), key, request, response);
  }
  int StartByHttp(const std::string& key) {
    HttpRequest request;
    request.method = "POST";
    request.body = "{}";
    request.peer = "ipv4:10.0.0.1:5";
    if (!key.empty()) request.headers["authorization"] = "Bearer " + key;
    EXPECT_TRUE(ParseTarget("/api/v1/namespaces/shop/workflows/o-2", request));
    return gateway_->Answer(request).status;
  }
  // The code of the first answer, or of the stream's end.
  grpc::StatusCode Reflect(const std::string& key) {
    using Request = grpc::reflection::v1::ServerReflectionRequest;
    using Response = grpc::reflection::v1::ServerReflectionResponse;
    grpc::ClientContext context;
    if (!key.empty()) context.AddMetadata("authorization", "Bearer " + key);
    const grpc::internal::RpcMethod method(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        grpc::internal::RpcMethod::BIDI_STREAMING);
    const std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> stream(
        grpc::internal::ClientReaderWriterFactory<Request, Response>::Create(channel_.get(), method,
                                                                             &context));
    Request request;
    request.set_list_services("*");
    Response response;
    stream->Write(request);
    stream->WritesDone();
    while (stream->Read(&response)) {
    }
    return stream->Finish().error_code();
  }
  std::string Audit() const {
    std::ifstream file(audit_path_);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  base::Metrics metrics_;
  std::unique_ptr<auth::Authenticator> authenticator_;
  std::string audit_path_;
  std::unique_ptr<auth::AuditLog> audit_log_;
  Guard guard_;
  StartHandler handler_;
  Health health_;
  std::unique_ptr<GrpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<JsonGateway> gateway_;
};

TEST_F(GuardTest, GrpcAndHttpAskTheSame) {
  EXPECT_EQ(Start(""), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Start("x"), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Start("r"), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(StartByHttp(""), 401);
  EXPECT_EQ(StartByHttp("x"), 401);
  EXPECT_EQ(StartByHttp("r"), 403);
  EXPECT_EQ(handler_.calls_, 0);
  EXPECT_EQ(Start("w"), grpc::StatusCode::OK);
  EXPECT_EQ(handler_.principal_, "writer");
  EXPECT_EQ(StartByHttp("w"), 200);
  EXPECT_EQ(handler_.calls_, 2);
  EXPECT_THAT(metrics_.Scrape(),
              testing::HasSubstr("authorization_failures{operation=\"StartWorkflowExecution\"} 2"));
}

TEST_F(GuardTest, HealthIsOpenAndReflectionIsNot) {
  grpc::health::v1::HealthCheckResponse response;
  EXPECT_EQ(
      Call("/grpc.health.v1.Health/Check", "", grpc::health::v1::HealthCheckRequest(), response),
      grpc::StatusCode::OK);
  EXPECT_EQ(Reflect(""), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Reflect("x"), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Reflect("r"), grpc::StatusCode::OK);
}

TEST_F(GuardTest, ChangesAreToldWithWhoMadeThemEvenIfTheyWereRefused) {
  Start("r");
  StartByHttp("w");
  api::DescribeWorkflowExecutionRequest read;
  read.set_namespace_("shop");
  api::StartWorkflowExecutionResponse response;
  Call(absl::StrCat(kService, "DescribeWorkflowExecution"), "w", read, response);
  const std::string audit = Audit();
  EXPECT_EQ(std::count(audit.begin(), audit.end(), '\n'), 2) << audit;
  EXPECT_THAT(audit, testing::HasSubstr("\"principal\":\"reader\",\"peer\":\"ipv4:127.0.0.1:"));
  EXPECT_THAT(audit, testing::HasSubstr("\"workflow_id\":\"o-1\",\"run_id\":\"\",\"code\":"
                                        "\"PERMISSION_DENIED\"}"));
  EXPECT_THAT(
      audit, testing::HasSubstr("\"principal\":\"writer\",\"peer\":\"ipv4:10.0.0.1:5\",\"rpc\":"
                                "\"StartWorkflowExecution\",\"namespace\":\"shop\",\"workflow_id\":"
                                "\"o-2\",\"run_id\":\"r-1\",\"code\":\"OK\"}"));
}

TEST_F(GuardTest, WhoHasNotBeenIdentifiedMayDoNothing) {
  const MethodTable methods(PublicServices());
  const Method& method = *methods.Find(absl::StrCat(kService, "GetSystemInfo"));
  EXPECT_EQ(guard_.Authorize(nullptr, *method.descriptor, "", *method.NewRequest()).code(),
            absl::StatusCode::kUnauthenticated);
}

}  // namespace
}  // namespace perdure::rpc
