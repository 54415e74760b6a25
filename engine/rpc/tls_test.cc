// gRPC over TLS with certificates of a CA made for the test.
#include "rpc/tls.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "grpc/health/v1/health.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/impl/client_unary_call.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "rpc/grpc_server.h"
#include "rpc/test_certificates.h"

namespace perdure::rpc {
namespace {

using google::protobuf::MessageLite;

class NoHandler final : public services::RpcHandler {
 public:
  void Call(const google::protobuf::MethodDescriptor& method, services::CallContext context,
            std::unique_ptr<google::protobuf::Message> request,
            services::Reply<std::unique_ptr<google::protobuf::Message>> reply) override {
    std::move(reply)(absl::InternalError("not expected"));
  }
};

class TlsTest : public testing::Test {
 protected:
  TlsTest() {
    server_files_.certificate = Path("server.pem");
    server_files_.key = Path("server.key");
    channel_files_.ca = Path("ca.pem");
    ReplaceFile(channel_files_.ca, ca_.certificate());
    Serve(ca_.Issue("server"));
  }

  std::string Path(const std::string& name) const {
    return absl::StrCat(testing::TempDir(), "/perdure_tls_", getpid(), "_", name);
  }
  void Serve(const TestCa::Issued& issued) {
    ReplaceFile(server_files_.key, issued.key);
    ReplaceFile(server_files_.certificate, issued.certificate);
  }
  void Show(const TestCa::Issued& issued) {
    channel_files_.certificate = Path("client.pem");
    channel_files_.key = Path("client.key");
    ReplaceFile(channel_files_.key, issued.key);
    ReplaceFile(channel_files_.certificate, issued.certificate);
  }
  void Start() {
    GrpcOptions options;
    options.port = 0;
    options.tls = server_files_;
    auto started = GrpcServer::Start(options, handler_, health_, guard_, nullptr);
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
  }
  // On a connection of its own.
  grpc::StatusCode Check(const TlsFiles& files) const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto channel = grpc::CreateCustomChannel(absl::StrCat("localhost:", server_->port()),
                                                   MakeChannelCredentials(files), arguments);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    const grpc::internal::RpcMethod method("/grpc.health.v1.Health/Check",
                                           grpc::internal::RpcMethod::NORMAL_RPC);
    grpc::health::v1::HealthCheckResponse response;
    return grpc::internal::BlockingUnaryCall<MessageLite, MessageLite, MessageLite, MessageLite>(
               channel.get(), method, &context, grpc::health::v1::HealthCheckRequest(), &response)
        .error_code();
  }

  const TestCa ca_{"test CA"};
  const TestCa other_ca_{"another CA"};
  TlsFiles server_files_;
  TlsFiles channel_files_;
  NoHandler handler_;
  Health health_;
  Guard guard_;
  std::unique_ptr<GrpcServer> server_;
};

TEST_F(TlsTest, OnlyTheCaThatSignedTheServerIsSatisfied) {
  Start();
  EXPECT_EQ(Check(channel_files_), grpc::StatusCode::OK);
  EXPECT_EQ(Check({}), grpc::StatusCode::UNAVAILABLE);  // plain text
  ReplaceFile(channel_files_.ca, other_ca_.certificate());
  EXPECT_EQ(Check(channel_files_), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, AReplacedCertificateIsServedToNewConnections) {
  Start();
  ASSERT_EQ(Check(channel_files_), grpc::StatusCode::OK);
  TlsFiles other = channel_files_;
  other.ca = Path("other_ca.pem");
  ReplaceFile(other.ca, other_ca_.certificate());
  ASSERT_EQ(Check(other), grpc::StatusCode::UNAVAILABLE);
  Serve(other_ca_.Issue("server"));
  const absl::Time replaced = absl::Now();
  while (Check(other) != grpc::StatusCode::OK) {
    // gRPC looks every second, and once more when it met the pair half replaced.
    ASSERT_LT(absl::Now() - replaced, absl::Seconds(5));
  }
  EXPECT_EQ(Check(channel_files_), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, ARequiredClientCertificateMustBeTheCasAndValid) {
  server_files_.ca = channel_files_.ca;
  server_files_.requires_client_certificate = true;
  Start();
  EXPECT_EQ(Check(channel_files_), grpc::StatusCode::UNAVAILABLE);
  Show(other_ca_.Issue("worker"));
  EXPECT_EQ(Check(channel_files_), grpc::StatusCode::UNAVAILABLE);
  Show(ca_.Issue("worker", -60));  // expired
  EXPECT_EQ(Check(channel_files_), grpc::StatusCode::UNAVAILABLE);
  Show(ca_.Issue("worker"));
  EXPECT_EQ(Check(channel_files_), grpc::StatusCode::OK);
}

TEST_F(TlsTest, AnOptionalClientCertificateMustStillBeTheCas) {
  server_files_.ca = channel_files_.ca;
  Start();
  EXPECT_EQ(Check(channel_files_), grpc::StatusCode::OK);
  Show(other_ca_.Issue("worker"));
  EXPECT_EQ(Check(channel_files_), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, FilesThatDoNotFitAreNamed) {
  TlsFiles files = server_files_;
  EXPECT_TRUE(CheckTlsFiles(files).ok());
  files.key = Path("missing.key");
  EXPECT_THAT(std::string(CheckTlsFiles(files).message()), testing::HasSubstr("missing.key"));
  ReplaceFile(server_files_.key, ca_.Issue("another").key);
  EXPECT_THAT(std::string(CheckTlsFiles(server_files_).message()),
              testing::HasSubstr("server.key"));
  files = {};
  files.ca = server_files_.key;
  EXPECT_FALSE(CheckTlsFiles(files).ok());
  files = {};
  files.requires_client_certificate = true;
  EXPECT_FALSE(CheckTlsFiles(files).ok());
  GrpcOptions options;
  options.port = 0;
  options.tls = server_files_;
  EXPECT_EQ(GrpcServer::Start(options, handler_, health_, guard_, nullptr).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace perdure::rpc
