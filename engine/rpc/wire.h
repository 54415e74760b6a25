// Messages to and from gRPC's bytes, and statuses to gRPC's statuses. Internal to rpc/.
#pragma once

#include "absl/status/status.h"
#include "auth/authenticator.h"
#include "google/protobuf/message.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/status.h"
#include "services/call.h"

namespace perdure::rpc {

// INVALID_ARGUMENT naming the field for a string that is not UTF-8; INTERNAL for bytes that are no
// message of that type, as other gRPC servers answer.
absl::Status Parse(grpc::ByteBuffer& bytes, google::protobuf::Message& message);
grpc::ByteBuffer Serialize(const google::protobuf::Message& message);

grpc::Status ToGrpcStatus(const absl::Status& status);
// Adds the headers and trailers that go with an error; before the call is finished.
void AddErrorMetadata(const absl::Status& status, grpc::ServerContext& context);

// The deadline; the cancellation is the caller's to add. Metadata is not touched: gRPC builds a
// tree of it at the first look.
services::CallContext ReadContext(const grpc::ServerContext& context);

// What the call shows of who makes it: metadata, verified certificate, address.
auth::Credentials ReadCredentials(const grpc::ServerContext& context);

// Makes protobuf's complaints (invalid UTF-8) part of Parse's errors, and keeps them off stderr.
// Once per process; idempotent.
void CaptureProtobufComplaints();

}  // namespace perdure::rpc
