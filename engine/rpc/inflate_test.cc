#include "rpc/inflate.h"

#include <libdeflate.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "grpc/health/v1/health.pb.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/impl/client_unary_call.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/support/sync_stream.h"
#include "gtest/gtest.h"
#include "rpc/byte_buffer_peer.h"
#include "rpc/grpc_server.h"
#include "rpc/wire.h"

namespace perdure::rpc {
namespace {

namespace api = temporal::api::workflowservice::v1;
using google::protobuf::Message;
using google::protobuf::MessageLite;

constexpr char kDescribe[] = "/temporal.api.workflowservice.v1.WorkflowService/DescribeNamespace";
constexpr int64_t kSizeMax = 100'000;
constexpr auto kGzip = GRPC_COMPRESS_GZIP;
constexpr auto kDeflate = GRPC_COMPRESS_DEFLATE;

std::string Pack(grpc_compression_algorithm algorithm, absl::string_view plain) {
  const std::unique_ptr<libdeflate_compressor, void (*)(libdeflate_compressor*)> compressor(
      libdeflate_alloc_compressor(6), &libdeflate_free_compressor);
  std::string packed(plain.size() + 100, 0);
  const auto pack = algorithm == kGzip ? libdeflate_gzip_compress : libdeflate_zlib_compress;
  packed.resize(pack(compressor.get(), plain.data(), plain.size(), packed.data(), packed.size()));
  return packed;
}

// Hardly gets smaller by being packed.
std::string Words(size_t size) {
  std::string words;
  for (uint32_t i = 1; words.size() < size; ++i) absl::StrAppend(&words, i * 2654435761u);
  words.resize(size);
  return words;
}

// `size` in place of the one at the end.
std::string Claiming(uint32_t size, std::string gzip) {
  for (size_t i = 0; i < 4; ++i) gzip[gzip.size() - 4 + i] = static_cast<char>(size >> 8 * i);
  return gzip;
}

// As gRPC hands it over and takes it: in pieces, with how it is compressed.
grpc::ByteBuffer Buffer(grpc_compression_algorithm algorithm, absl::string_view bytes,
                        size_t piece_size = 16'000) {
  std::vector<grpc::Slice> pieces;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece_size, bytes.size()))) {
    pieces.emplace_back(std::string(bytes.substr(0, piece_size)));
  }
  grpc::ByteBuffer buffer(pieces.data(), pieces.size());
  grpc::internal::GrpcByteBufferPeer::Buffer(buffer)->data.raw.compression = algorithm;
  return buffer;
}

absl::StatusOr<std::string> Inflated(grpc_compression_algorithm algorithm, absl::string_view bytes,
                                     int64_t size_max = kSizeMax, size_t piece_size = 16'000) {
  grpc::ByteBuffer buffer = Buffer(algorithm, bytes, piece_size);
  const absl::Status status = Inflate(buffer, size_max);
  if (!status.ok()) {
    EXPECT_EQ(buffer.Length(), bytes.size()) << "changed by an error";
    return status;
  }
  grpc::Slice slice;
  EXPECT_TRUE(buffer.Valid() && buffer.DumpToSingleSlice(&slice).ok());
  return std::string(reinterpret_cast<const char*>(slice.begin()), slice.size());
}

TEST(Inflate, GivesBackWhatWasPacked) {
  for (const size_t size : {0, 1, 22, 23, 24, 1000, 99'999, 100'000}) {
    for (const std::string& plain : {Words(size), std::string(size, 'a')}) {
      for (const auto algorithm : {kGzip, kDeflate}) {
        const auto inflated = Inflated(algorithm, Pack(algorithm, plain));
        ASSERT_TRUE(inflated.ok()) << size << " " << algorithm << " " << inflated.status();
        EXPECT_EQ(*inflated, plain) << size << " " << algorithm;
      }
    }
  }
}

TEST(Inflate, LeavesAloneWhatIsNotCompressed) {
  const std::string packed = Pack(kGzip, "plain");
  EXPECT_EQ(Inflated(GRPC_COMPRESS_NONE, packed, 1).value_or("refused"), packed);
  for (const auto algorithm : {kGzip, kDeflate})
    EXPECT_EQ(Inflated(algorithm, "").value_or("refused"), "");
  grpc::ByteBuffer nothing;
  EXPECT_TRUE(Inflate(nothing, kSizeMax).ok());
}

TEST(Inflate, PutsPiecesTogether) {
  const std::string plain = Words(1000);
  for (const auto algorithm : {kGzip, kDeflate}) {
    for (const size_t piece_size : {1, 7, 300}) {
      EXPECT_EQ(
          Inflated(algorithm, Pack(algorithm, plain), kSizeMax, piece_size).value_or("refused"),
          plain);
    }
  }
}

TEST(Inflate, TakesSeveralMembers) {
  const std::string empty = Pack(kGzip, "");
  const std::string small = Pack(kGzip, Words(10));
  const std::string large = Pack(kGzip, Words(5000));
  EXPECT_EQ(Inflated(kGzip, small + large).value_or("refused"), Words(10) + Words(5000));
  EXPECT_EQ(Inflated(kGzip, large + small).value_or("refused"), Words(5000) + Words(10));
  EXPECT_EQ(Inflated(kGzip, empty + large + empty + empty).value_or("refused"), Words(5000));
  // Together they may not be larger either.
  EXPECT_EQ(Inflated(kGzip, small + large, 5010).value_or("refused"), Words(10) + Words(5000));
  EXPECT_EQ(Inflated(kGzip, small + large, 5009).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Inflated(kGzip, large + small, 5009).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Inflated(kGzip, small + large + "x").status().code(), absl::StatusCode::kInternal);
  // The zlib format knows none.
  const std::string other = Pack(kDeflate, Words(10));
  EXPECT_EQ(Inflated(kDeflate, other + other).status().code(), absl::StatusCode::kInternal);
}

TEST(Inflate, RefusesEachTruncation) {
  for (const auto algorithm : {kGzip, kDeflate}) {
    const std::string packed = Pack(algorithm, Words(300));
    for (size_t size = 1; size < packed.size(); ++size) {
      EXPECT_EQ(Inflated(algorithm, packed.substr(0, size)).status().code(),
                absl::StatusCode::kInternal)
          << algorithm << " " << size;
    }
  }
}

// What changed is noticed by a sum of the content; what comes out is what was put in, or nothing.
TEST(Inflate, GivesNoOtherBytesForChangedOnes) {
  const std::string plain = Words(300);
  for (const auto algorithm : {kGzip, kDeflate}) {
    const std::string packed = Pack(algorithm, plain);
    int refused = 0;
    for (size_t bit = 0; bit < 8 * packed.size(); ++bit) {
      std::string changed = packed;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ 1 << bit % 8);
      const auto inflated = Inflated(algorithm, changed);
      if (inflated.ok()) {
        EXPECT_EQ(*inflated, plain) << algorithm << " " << bit;
      } else {
        ++refused;
      }
    }
    // A time, a system and a level say nothing of the content.
    EXPECT_GT(refused, 8 * static_cast<int>(packed.size()) - 80) << algorithm;
  }
}

TEST(Inflate, DoesNotTrustTheSizeAtTheEnd) {
  for (const std::string& plain : {Words(1000), std::string(1000, 'a')}) {
    const std::string packed = Pack(kGzip, plain);
    for (const uint32_t size : {0u, 1u, 999u, 1001u, 100'000u, 100'001u, 0xffffffffu}) {
      EXPECT_EQ(Inflated(kGzip, Claiming(size, packed)).status().code(),
                absl::StatusCode::kInternal)
          << size;
    }
  }
}

TEST(Inflate, StopsAtTheLimit) {
  for (const auto algorithm : {kGzip, kDeflate}) {
    for (const std::string& plain : {Words(5000), std::string(5000, 'a')}) {
      const std::string packed = Pack(algorithm, plain);
      EXPECT_EQ(Inflated(algorithm, packed, 5000).value_or("refused"), plain);
      EXPECT_EQ(Inflated(algorithm, packed, 4999).status().code(),
                absl::StatusCode::kResourceExhausted);
    }
  }
  const std::string bomb = Pack(kGzip, std::string(50 * kSizeMax, 0));
  for (const uint32_t size : {0u, 1000u, 0xffffffffu}) {
    EXPECT_EQ(Inflated(kGzip, Claiming(size, bomb)).status().code(),
              absl::StatusCode::kResourceExhausted);
  }
}

// The whole server, which gives a namespace's name back, and clients.
class CompressedRequests : public testing::Test, public services::RpcHandler {
 protected:
  void SetUp() override {
    GrpcOptions options;
    options.port = 0;
    options.receive_size_max = kSizeMax;
    auto started = GrpcServer::Start(options, *this, health_, guard_, nullptr);
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
    channel_ = grpc::CreateChannel(absl::StrCat("127.0.0.1:", server_->port()),
                                   grpc::InsecureChannelCredentials());
  }

  void Call(const google::protobuf::MethodDescriptor& method, services::CallContext context,
            std::unique_ptr<Message> request,
            services::Reply<std::unique_ptr<Message>> reply) override {
    ++calls_;
    const auto& typed = static_cast<const api::DescribeNamespaceRequest&>(*request);
    auto response = std::make_unique<api::DescribeNamespaceResponse>();
    response->mutable_namespace_info()->set_name(typed.namespace_());
    std::move(reply)(std::move(response));
  }

  // The name that came back for these bytes, which gRPC sends as they are.
  absl::StatusOr<std::string> Send(grpc_compression_algorithm algorithm, absl::string_view bytes) {
    grpc::ClientContext context;
    context.set_compression_algorithm(algorithm);
    const grpc::internal::RpcMethod method(kDescribe, grpc::internal::RpcMethod::NORMAL_RPC);
    grpc::ByteBuffer answer;
    const auto status = grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
        channel_.get(), method, &context, Buffer(algorithm, bytes), &answer);
    if (!status.ok()) {
      return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                          status.error_message());
    }
    api::DescribeNamespaceResponse response;
    EXPECT_TRUE(Parse(answer, response).ok());
    return response.namespace_info().name();
  }

  static std::string Request(const std::string& name) {
    api::DescribeNamespaceRequest request;
    request.set_namespace_(name);
    return request.SerializeAsString();
  }

  int calls_ = 0;
  Health health_;
  Guard guard_;
  std::unique_ptr<GrpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(CompressedRequests, AreUnderstood) {
  const std::string name = Words(50'000);
  EXPECT_EQ(Send(GRPC_COMPRESS_NONE, Request(name)).value_or("refused"), name);
  EXPECT_EQ(Send(kGzip, Pack(kGzip, Request(name))).value_or("refused"), name);
  EXPECT_EQ(Send(kDeflate, Pack(kDeflate, Request(name))).value_or("refused"), name);
  for (const auto algorithm : {kGzip, kDeflate}) {
    EXPECT_EQ(Send(algorithm, "").value_or("refused"), "");
    EXPECT_EQ(Send(algorithm, Pack(algorithm, "")).value_or("refused"), "");
  }
}

// gRPC's clients compress by themselves; what would not get smaller they send as it is, in a call
// that says that it is compressed.
TEST_F(CompressedRequests, MayComeFromEachClient) {
  for (const auto algorithm : {GRPC_COMPRESS_NONE, kGzip, kDeflate}) {
    for (const size_t size : {1, 5000}) {
      grpc::ClientContext context;
      context.set_compression_algorithm(algorithm);
      const grpc::internal::RpcMethod method(kDescribe, grpc::internal::RpcMethod::NORMAL_RPC);
      api::DescribeNamespaceRequest request;
      request.set_namespace_(std::string(size, 'a'));
      api::DescribeNamespaceResponse response;
      const auto status =
          grpc::internal::BlockingUnaryCall<MessageLite, MessageLite, MessageLite, MessageLite>(
              channel_.get(), method, &context, request, &response);
      EXPECT_TRUE(status.ok()) << algorithm << " " << size << " " << status.error_message();
      EXPECT_EQ(response.namespace_info().name(), request.namespace_());
    }
  }
}

TEST_F(CompressedRequests, AreRefusedBeforeAnythingIsDone) {
  const std::string packed = Pack(kGzip, Request(Words(500)));
  const auto broken = Send(kGzip, packed.substr(0, 100)).status();
  EXPECT_EQ(broken.code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(absl::StrContains(broken.message(), "compressed bytes are broken")) << broken;
  // As gRPC says it of a request that is not compressed.
  for (const auto algorithm : {GRPC_COMPRESS_NONE, kGzip, kDeflate}) {
    const std::string large = Request(std::string(kSizeMax, 'a'));
    const auto refused =
        Send(algorithm, algorithm == GRPC_COMPRESS_NONE ? large : Pack(algorithm, large)).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << algorithm;
    EXPECT_TRUE(absl::StartsWith(refused.message(), "Received message larger than max ("))
        << refused;
  }
  EXPECT_EQ(calls_, 0);
}

TEST_F(CompressedRequests, MayBeHealthChecks) {
  health_.Set(ServingState::kServing);
  grpc::health::v1::HealthCheckRequest request;
  request.set_service("temporal.api.workflowservice.v1.WorkflowService");
  grpc::health::v1::HealthCheckResponse response;
  grpc::ClientContext check_context;
  check_context.set_compression_algorithm(kGzip);
  const grpc::internal::RpcMethod check("/grpc.health.v1.Health/Check",
                                        grpc::internal::RpcMethod::NORMAL_RPC);
  const auto status = grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, MessageLite>(
      channel_.get(), check, &check_context,
      Buffer(kGzip, Pack(kGzip, request.SerializeAsString())), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
}

TEST_F(CompressedRequests, MayBeStreamed) {
  using grpc::reflection::v1::ServerReflectionRequest;
  using grpc::reflection::v1::ServerReflectionResponse;
  const grpc::internal::RpcMethod method(
      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      grpc::internal::RpcMethod::BIDI_STREAMING);
  grpc::ClientContext context;
  context.set_compression_algorithm(kGzip);
  using Factory =
      grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, ServerReflectionResponse>;
  const std::unique_ptr<grpc::ClientReaderWriter<grpc::ByteBuffer, ServerReflectionResponse>>
      stream(Factory::Create(channel_.get(), method, &context));
  ServerReflectionRequest request;
  request.set_list_services("*");
  ServerReflectionResponse response;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(stream->Write(Buffer(kGzip, Pack(kGzip, request.SerializeAsString()))));
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.list_services_response().service_size(), 6);
  }
  ASSERT_TRUE(stream->Write(Buffer(kGzip, "garbage")));
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::INTERNAL);
}

}  // namespace
}  // namespace perdure::rpc
