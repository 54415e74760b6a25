#include "rpc/wire.h"

#include <chrono>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/stubs/logging.h"
#include "grpc/grpc_security_constants.h"
#include "grpcpp/security/auth_context.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "grpcpp/support/slice.h"
#include "rpc/status.h"

namespace perdure::rpc {
namespace {

// The last thing protobuf complained of on this thread: it tells of a bad string only in its log.
std::string& LastComplaint() {
  thread_local std::string complaint;
  return complaint;
}

void TakeComplaint(google::protobuf::LogLevel level, const char* file, int line,
                   const std::string& message) {
  LastComplaint() = message;
}

// "String field 'a.b' contains invalid UTF-8 data when ..." -> "a.b", empty if it is something
// else.
std::string FieldOfComplaint(absl::string_view complaint) {
  if (!absl::StrContains(complaint, "invalid UTF-8")) return "";
  const std::vector<absl::string_view> parts = absl::StrSplit(complaint, '\'');
  return parts.size() < 3 ? "of the request" : std::string(parts[1]);
}

std::string Metadata(const grpc::ServerContext& context, const char* key) {
  const auto& all = context.client_metadata();
  const auto found = all.find(key);
  if (found == all.end()) return "";
  return std::string(found->second.data(), found->second.size());
}

}  // namespace

void CaptureProtobufComplaints() { google::protobuf::SetLogHandler(&TakeComplaint); }

absl::Status Parse(grpc::ByteBuffer& bytes, google::protobuf::Message& message) {
  LastComplaint().clear();
  grpc::ProtoBufferReader reader(&bytes);
  if (reader.status().ok() && message.ParsePartialFromZeroCopyStream(&reader)) {
    return absl::OkStatus();
  }
  const std::string field = FieldOfComplaint(LastComplaint());
  if (!field.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("Field ", field, " contains invalid UTF-8 text."));
  }
  return absl::InternalError(absl::StrCat("The request's bytes are not a valid ",
                                          message.GetDescriptor()->full_name(), "."));
}

grpc::ByteBuffer Serialize(const google::protobuf::Message& message) {
  const size_t size = message.ByteSizeLong();
  grpc::Slice slice(size);
  message.SerializeWithCachedSizesToArray(const_cast<uint8_t*>(slice.begin()));
  return grpc::ByteBuffer(&slice, 1);
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  const auto wire = ToWireStatus(status);
  return grpc::Status(static_cast<grpc::StatusCode>(wire.code()), wire.message(),
                      wire.details().empty() ? std::string() : wire.SerializeAsString());
}

void AddErrorMetadata(const absl::Status& status, grpc::ServerContext& context) {
  for (const auto& [key, value] : TrailersOf(status)) {
    // Temporal sends them as headers; SDKs and proxies look in either place.
    context.AddInitialMetadata(key, value);
    context.AddTrailingMetadata(key, value);
  }
}

services::CallContext ReadContext(const grpc::ServerContext& context) {
  services::CallContext call;
  const auto deadline = context.deadline();
  if (deadline != std::chrono::system_clock::time_point::max()) {
    call.deadline = absl::FromChrono(deadline);
  }
  return call;
}

auth::Credentials ReadCredentials(const grpc::ServerContext& context) {
  auth::Credentials credentials;
  credentials.authorization = Metadata(context, "authorization");
  credentials.peer = context.peer();
  const auto connection = context.auth_context();
  if (connection == nullptr || !connection->IsPeerAuthenticated()) return credentials;
  const auto names = connection->FindPropertyValues(GRPC_X509_CN_PROPERTY_NAME);
  if (names.size() == 1)
    credentials.certificate_name = std::string(names[0].data(), names[0].size());
  return credentials;
}

}  // namespace perdure::rpc
