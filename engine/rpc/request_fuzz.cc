// Fuzz target: whatever bytes come as a request, as protobuf or as JSON, are answered once, with a
// reply or an error.
//
// The first byte chooses the method, the second how the rest is meant: protobuf, JSON, a path or
// query parameter, or protobuf compressed by gzip or deflate. Behind the frontend stand services
// that note what reached them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "frontend/fakes.h"
#include "frontend/frontend.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "rpc/byte_buffer_peer.h"
#include "rpc/inflate.h"
#include "rpc/payload_json.h"
#include "rpc/wire.h"
#include "temporal/api/operatorservice/v1/service.pb.h"
#include "temporal/api/workflowservice/v1/service.pb.h"

namespace {

using perdure::frontend::FakeHistory;
using perdure::frontend::FakeLoop;
using perdure::frontend::FakeMatching;
using perdure::frontend::FakeStore;

struct World {
  World() {
    perdure::rpc::CaptureProtobufComplaints();
    registry.Start({.names = {"default"}, .search_attributes = {{"Color", 2}, {"Size", 3}}},
                   [](const absl::Status& status) { PERDURE_CHECK(status.ok()); });
    // Naming a table of each file makes the linker keep its descriptors.
    [[maybe_unused]] const void* volatile workflow_service =
        &descriptor_table_temporal_2fapi_2fworkflowservice_2fv1_2fservice_2eproto;
    [[maybe_unused]] const void* volatile operator_service =
        &descriptor_table_temporal_2fapi_2foperatorservice_2fv1_2fservice_2eproto;
    for (const char* name : {"temporal.api.workflowservice.v1.WorkflowService",
                             "temporal.api.operatorservice.v1.OperatorService"}) {
      const auto* service =
          google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(name);
      for (int i = 0; i < service->method_count(); ++i) {
        if (frontend.Handles(service->method(i)->full_name())) {
          methods.push_back(service->method(i));
        }
      }
    }
  }

  FakeStore store;
  FakeLoop loop;
  FakeHistory history;
  FakeMatching matching;
  perdure::base::Settings settings;
  perdure::frontend::UuidSource uuids{7};
  perdure::frontend::ClusterFacts cluster{.cluster_id = "c1"};
  perdure::frontend::NamespaceRegistry registry{store, loop, settings, uuids};
  perdure::frontend::Frontend frontend{
      {registry, history, matching, store, loop, uuids, cluster, settings}, nullptr};
  std::vector<const google::protobuf::MethodDescriptor*> methods;
};

constexpr int64_t kInflatedMax = 1 << 16;

absl::Status ReadProtobuf(grpc_compression_algorithm compression, absl::string_view text,
                          google::protobuf::Message& request) {
  const grpc::Slice slice(text.data(), text.size());
  grpc::ByteBuffer bytes(&slice, 1);
  grpc::internal::GrpcByteBufferPeer::Buffer(bytes)->data.raw.compression = compression;
  const absl::Status inflated = perdure::rpc::Inflate(bytes, kInflatedMax);
  if (!inflated.ok()) return inflated;
  PERDURE_CHECK(compression == GRPC_COMPRESS_NONE || bytes.Length() <= kInflatedMax);
  return perdure::rpc::Parse(bytes, request);
}

absl::Status Read(int how, absl::string_view text, google::protobuf::Message& request) {
  if (how == 0) return ReadProtobuf(GRPC_COMPRESS_NONE, text, request);
  if (how == 1) return perdure::rpc::FromJson(text, request);
  if (how == 3) return ReadProtobuf(GRPC_COMPRESS_GZIP, text, request);
  if (how == 4) return ReadProtobuf(GRPC_COMPRESS_DEFLATE, text, request);
  const size_t equals = text.find('=');
  if (equals == text.npos) return absl::InvalidArgumentError("");
  return perdure::rpc::SetField(text.substr(0, equals), std::string(text.substr(equals + 1)),
                                request);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  // One for each input: what one made does not change what the next one means.
  World world;
  const auto& method = *world.methods[data[0] % world.methods.size()];
  std::unique_ptr<google::protobuf::Message> request(
      google::protobuf::MessageFactory::generated_factory()
          ->GetPrototype(method.input_type())
          ->New());
  const absl::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  if (!Read(data[1] % 5, text, *request).ok()) return 0;
  perdure::services::CallContext context;
  context.deadline = world.loop.Now() + absl::Seconds(30);
  int answers = 0;
  world.frontend.Call(method, context, std::move(request),
                      [&answers](absl::StatusOr<std::unique_ptr<google::protobuf::Message>> reply) {
                        ++answers;
                        // What can be sent can be shown.
                        if (reply.ok()) {
                          const absl::Status shown = perdure::rpc::ToJson(**reply, {}).status();
                          PERDURE_CHECK(shown.ok());
                        }
                      });
  world.loop.RunAll();
  PERDURE_CHECK(answers == 1);
  return 0;
}
