// The real server and a real client on a free port of the loopback.
#include "rpc/grpc_server.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>

#include "base/errors.h"
#include "google/rpc/status.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/impl/client_unary_call.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/support/sync_stream.h"
#include "gtest/gtest.h"

namespace perdure::rpc {
namespace {

namespace api = temporal::api::workflowservice::v1;
using google::protobuf::Message;
using google::protobuf::MessageLite;

constexpr char kService[] = "/temporal.api.workflowservice.v1.WorkflowService/";

// Answers by method; holds polls until they are cancelled or released.
class FakeHandler final : public services::RpcHandler {
 public:
  void Call(const google::protobuf::MethodDescriptor& method, services::CallContext context,
            std::unique_ptr<Message> request,
            services::Reply<std::unique_ptr<Message>> reply) override {
    last_context_ = context;
    if (method.name() == "DescribeNamespace") {
      const auto& typed = static_cast<const api::DescribeNamespaceRequest&>(*request);
      auto response = std::make_unique<api::DescribeNamespaceResponse>();
      response->mutable_namespace_info()->set_name(typed.namespace_());
      std::move(reply)(std::move(response));
    } else if (method.name() == "PollWorkflowTaskQueue") {
      auto held = std::make_shared<decltype(reply)>(std::move(reply));
      context.cancellation->OnCancel([this, held] {
        std::move (*held)(absl::CancelledError("cancelled"));
        cancelled_.set_value();
      });
      polled_.set_value();
    } else if (method.name() == "ListNamespaces") {
      late_.set_value(std::move(reply));
    } else if (method.name() == "UpdateNamespace") {
      std::move(reply)(base::ResourceExhausted(
          temporal::api::enums::v1::RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT, "too fast"));
    } else if (method.name() == "DeprecateNamespace") {
      // Dropped: the server answers.
    } else {
      std::move(reply)(base::NamespaceNotFound("lost"));
    }
  }

  services::CallContext last_context_;
  std::promise<void> polled_;
  std::promise<void> cancelled_;
  std::promise<services::Reply<std::unique_ptr<Message>>> late_;
};

// HTTP/2 without a client's judgement of what may come.
class PlainConnection {
 public:
  struct Frame {
    int type = 0;
    int flags = 0;
    uint32_t stream = 0;
  };
  static constexpr int kData = 0, kHeaders = 1, kSettings = 4;
  static constexpr int kEndStream = 1, kEndHeaders = 4;

  explicit PlainConnection(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(static_cast<uint16_t>(port))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    Write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    Send(kSettings, 0, 0, "");
  }
  PlainConnection(const PlainConnection&) = delete;
  PlainConnection& operator=(const PlainConnection&) = delete;
  ~PlainConnection() { ::close(socket_); }

  void Send(int type, int flags, uint32_t stream, absl::string_view payload) {
    const size_t size = payload.size();
    std::string bytes = {static_cast<char>(size >> 16),
                         static_cast<char>(size >> 8),
                         static_cast<char>(size),
                         static_cast<char>(type),
                         static_cast<char>(flags),
                         0,
                         0,
                         0,
                         static_cast<char>(stream)};
    Write(absl::StrCat(bytes, payload));
  }

  // An empty request.
  void SendRequest(uint32_t stream, absl::string_view path, absl::string_view timeout) {
    std::string block;
    for (const auto& [name, value] : std::vector<std::pair<absl::string_view, absl::string_view>>{
             {":method", "POST"},
             {":scheme", "http"},
             {":path", path},
             {":authority", "x"},
             {"content-type", "application/grpc"},
             {"te", "trailers"},
             {"grpc-timeout", timeout}}) {
      const std::string sizes = {static_cast<char>(name.size()), static_cast<char>(value.size())};
      absl::StrAppend(&block, std::string(1, 0), sizes.substr(0, 1), name, sizes.substr(1), value);
    }
    Send(kHeaders, kEndHeaders, stream, block);
    Send(kData, kEndStream, stream, std::string(5, 0));
  }

  Frame Read() {
    const std::string head = ReadBytes(9);
    const auto byte = [&head](int i) { return static_cast<uint8_t>(head[i]); };
    ReadBytes(byte(0) << 16 | byte(1) << 8 | byte(2));
    return {byte(3), byte(4), static_cast<uint32_t>(byte(7) << 8 | byte(8))};
  }

 private:
  void Write(absl::string_view bytes) {
    EXPECT_EQ(::send(socket_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }
  std::string ReadBytes(size_t size) {
    std::string bytes(size, 0);
    EXPECT_EQ(::recv(socket_, bytes.data(), size, MSG_WAITALL), static_cast<ssize_t>(size));
    return bytes;
  }

  const int socket_;
};

class CountingObserver final : public RpcObserver {
 public:
  void OnCall(const google::protobuf::MethodDescriptor& method, absl::string_view name_space,
              absl::StatusCode code, absl::Duration latency) override {
    absl::MutexLock lock(&mutex_);
    calls_.push_back(
        absl::StrCat(method.name(), " ", std::string(name_space), " ", static_cast<int>(code)));
  }
  absl::Mutex mutex_;
  std::vector<std::string> calls_ ABSL_GUARDED_BY(mutex_);
};

class GrpcServerTest : public testing::Test {
 protected:
  void SetUp() override {
    GrpcOptions options;
    options.port = 0;
    auto started = GrpcServer::Start(options, handler_, health_, guard_, &observer_);
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
    channel_ = grpc::CreateChannel(absl::StrCat("127.0.0.1:", server_->port()),
                                   grpc::InsecureChannelCredentials());
  }

  grpc::Status Call(const std::string& path, grpc::ClientContext& context, const Message& request,
                    Message& response) {
    const grpc::internal::RpcMethod method(path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
    return grpc::internal::BlockingUnaryCall<MessageLite, MessageLite, MessageLite, MessageLite>(
        channel_.get(), method, &context, request, &response);
  }
  grpc::Status Call(const std::string& method, const Message& request, Message& response) {
    grpc::ClientContext context;
    return Call(kService + method, context, request, response);
  }

  FakeHandler handler_;
  Health health_;
  Guard guard_;
  CountingObserver observer_;
  std::unique_ptr<GrpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(GrpcServerTest, AnswersAndPassesTheDeadlineAndObserves) {
  api::DescribeNamespaceRequest request;
  request.set_namespace_("mine");
  api::DescribeNamespaceResponse response;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  const auto status = Call(std::string(kService) + "DescribeNamespace", context, request, response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.namespace_info().name(), "mine");
  EXPECT_LT(handler_.last_context_.deadline, absl::Now() + absl::Seconds(61));
  absl::MutexLock lock(&observer_.mutex_);
  EXPECT_EQ(observer_.calls_, std::vector<std::string>{"DescribeNamespace mine 0"});
}

TEST_F(GrpcServerTest, CarriesTheErrorDetail) {
  api::StartWorkflowExecutionResponse response;
  grpc::ClientContext context;
  const auto status = Call(std::string(kService) + "StartWorkflowExecution", context,
                           api::StartWorkflowExecutionRequest(), response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  google::rpc::Status wire;
  ASSERT_TRUE(wire.ParseFromString(status.error_details()));
  EXPECT_EQ(wire.code(), 5);
  ASSERT_EQ(wire.details_size(), 1);
  EXPECT_EQ(wire.details(0).type_url(),
            "type.googleapis.com/temporal.api.errordetails.v1.NamespaceNotFoundFailure");
}

TEST_F(GrpcServerTest, ResourceExhaustedTellsTheCauseInMetadata) {
  api::UpdateNamespaceResponse response;
  grpc::ClientContext context;
  const auto status = Call(std::string(kService) + "UpdateNamespace", context,
                           api::UpdateNamespaceRequest(), response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  const auto& trailers = context.GetServerTrailingMetadata();
  ASSERT_EQ(trailers.count("x-resource-exhausted-cause"), 1u);
  EXPECT_EQ(trailers.find("x-resource-exhausted-cause")->second, "RpsLimit");
  EXPECT_EQ(trailers.find("x-resource-exhausted-scope")->second, "Namespace");
}

TEST_F(GrpcServerTest, ADroppedReplyIsUnavailable) {
  api::DeprecateNamespaceResponse response;
  EXPECT_EQ(Call("DeprecateNamespace", api::DeprecateNamespaceRequest(), response).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(GrpcServerTest, UnknownMethodsAreUnimplemented) {
  api::DescribeNamespaceResponse response;
  const auto status = Call("Invented", api::DescribeNamespaceRequest(), response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(status.error_message(),
            "unknown method Invented for service temporal.api.workflowservice.v1.WorkflowService");
}

TEST_F(GrpcServerTest, NamesTheFieldThatIsNotUtf8) {
  // A message of another type, whose field 1 holds bytes.
  api::RespondQueryTaskCompletedRequest bytes;
  bytes.set_task_token("\xff\xfe");
  api::DescribeNamespaceResponse response;
  const auto status = Call("DescribeNamespace", bytes, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(status.error_message().find("namespace"), std::string::npos) << status.error_message();
}

TEST_F(GrpcServerTest, GarbageIsInternal) {
  google::rpc::Status bytes;
  bytes.set_message("\x08");  // Field 2 of DescribeTaskQueue is a message, and this one is cut off.
  api::DescribeTaskQueueResponse response;
  EXPECT_EQ(Call("DescribeTaskQueue", bytes, response).error_code(), grpc::StatusCode::INTERNAL);
}

TEST_F(GrpcServerTest, ACallThatIsAnsweredAfterItsDeadlineIsAnsweredOnce) {
  PlainConnection connection(server_->port());
  connection.SendRequest(1, absl::StrCat(kService, "ListNamespaces"), "10m");
  auto reply = handler_.late_.get_future().get();
  // Ten times the deadline, which nothing tells. Slower is no failure.
  absl::SleepFor(absl::Milliseconds(100));
  std::move(reply)(base::NamespaceNotFound("late"));
  // Behind an answered call on the same connection, everything there is to the first one has come.
  const auto headers_until_end_of = [&connection](uint32_t stream) {
    int headers = 0;
    while (true) {
      const auto frame = connection.Read();
      if (frame.type != PlainConnection::kHeaders) continue;
      headers += frame.stream == 1 ? 1 : 0;
      if (frame.stream == stream && (frame.flags & PlainConnection::kEndStream) != 0) {
        return headers;
      }
    }
  };
  EXPECT_EQ(headers_until_end_of(1), 1);
  connection.SendRequest(3, absl::StrCat(kService, "UpdateNamespace"), "10S");
  EXPECT_EQ(headers_until_end_of(3), 0);
}

TEST_F(GrpcServerTest, AClientThatGoesAwayCancelsItsPoll) {
  grpc::ClientContext context;
  auto polled = handler_.polled_.get_future();
  auto call = std::async(std::launch::async, [&] {
    api::PollWorkflowTaskQueueResponse response;
    return Call(std::string(kService) + "PollWorkflowTaskQueue", context,
                api::PollWorkflowTaskQueueRequest(), response);
  });
  polled.wait();
  context.TryCancel();
  EXPECT_EQ(call.get().error_code(), grpc::StatusCode::CANCELLED);
  handler_.cancelled_.get_future().wait();
}

TEST_F(GrpcServerTest, ShutdownCancelsWhatIsStillOpen) {
  auto polled = handler_.polled_.get_future();
  auto call = std::async(std::launch::async, [&] {
    api::PollWorkflowTaskQueueResponse response;
    return Call("PollWorkflowTaskQueue", api::PollWorkflowTaskQueueRequest(), response);
  });
  polled.wait();
  server_->Shutdown(absl::ZeroDuration());
  EXPECT_FALSE(call.get().ok());
}

TEST_F(GrpcServerTest, HealthFollowsTheState) {
  grpc::health::v1::HealthCheckRequest request;
  request.set_service("temporal.api.workflowservice.v1.WorkflowService");
  const auto check = [&] {
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckResponse response;
    EXPECT_TRUE(Call("/grpc.health.v1.Health/Check", context, request, response).ok());
    return response.status();
  };
  EXPECT_EQ(check(), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  health_.Set(ServingState::kServing);
  EXPECT_EQ(check(), grpc::health::v1::HealthCheckResponse::SERVING);
  request.set_service("nobody");
  grpc::ClientContext context;
  grpc::health::v1::HealthCheckResponse response;
  EXPECT_EQ(Call("/grpc.health.v1.Health/Check", context, request, response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(GrpcServerTest, WatchTellsEachChangeAndEndsWithTheServer) {
  using grpc::health::v1::HealthCheckRequest;
  using grpc::health::v1::HealthCheckResponse;
  const grpc::internal::RpcMethod method("/grpc.health.v1.Health/Watch",
                                         grpc::internal::RpcMethod::SERVER_STREAMING);
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> reader(
      grpc::internal::ClientReaderFactory<HealthCheckResponse>::Create(
          channel_.get(), method, &context, HealthCheckRequest()));
  HealthCheckResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  health_.Set(ServingState::kServing);
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  server_->Shutdown(absl::Seconds(20));
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(GrpcServerTest, ReflectionListsServicesAndGivesFiles) {
  using grpc::reflection::v1::ServerReflectionRequest;
  using grpc::reflection::v1::ServerReflectionResponse;
  for (const char* path : {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                           "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"}) {
    const grpc::internal::RpcMethod method(path, grpc::internal::RpcMethod::BIDI_STREAMING);
    grpc::ClientContext context;
    using Factory = grpc::internal::ClientReaderWriterFactory<ServerReflectionRequest,
                                                              ServerReflectionResponse>;
    std::unique_ptr<grpc::ClientReaderWriter<ServerReflectionRequest, ServerReflectionResponse>>
        stream(Factory::Create(channel_.get(), method, &context));
    ServerReflectionRequest request;
    ServerReflectionResponse response;
    request.set_list_services("*");
    ASSERT_TRUE(stream->Write(request));
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.list_services_response().service_size(), 6);
    request.set_file_containing_symbol("temporal.api.workflowservice.v1.WorkflowService");
    ASSERT_TRUE(stream->Write(request));
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_GT(response.file_descriptor_response().file_descriptor_proto_size(), 20);
    request.set_file_by_filename("nowhere.proto");
    ASSERT_TRUE(stream->Write(request));
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.error_response().error_code(), 5);
    stream->WritesDone();
    EXPECT_TRUE(stream->Finish().ok());
  }
}

TEST(GrpcServer, RefusesAPortInUse) {
  FakeHandler handler;
  Health health;
  const Guard guard;
  GrpcOptions options;
  options.port = 0;
  auto first = GrpcServer::Start(options, handler, health, guard, nullptr);
  ASSERT_TRUE(first.ok());
  options.port = (*first)->port();
  EXPECT_EQ(GrpcServer::Start(options, handler, health, guard, nullptr).status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace perdure::rpc
