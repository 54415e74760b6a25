// Inflates requests in one go. gRPC's own way, by zlib and in pieces of a kilobyte, took a
// twentieth of the server's time under the official Go SDK, which compresses every request. So the
// public server switches it off, and what reads a request's bytes there calls Inflate before.
// Internal to rpc/. Thread-safe: each thread has tables of its own.
#pragma once

#include "absl/status/status.h"
#include "grpcpp/support/byte_buffer.h"

namespace perdure::rpc {

// Replaces what came compressed, by gzip or deflate, by what it was; anything else stays. The
// errors are those of gRPC: RESOURCE_EXHAUSTED if it was larger than `size_max`, INTERNAL if it is
// broken; `bytes` is unchanged then. Takes memory for what comes out, never more than `size_max`.
absl::Status Inflate(grpc::ByteBuffer& bytes, int64_t size_max);

}  // namespace perdure::rpc
