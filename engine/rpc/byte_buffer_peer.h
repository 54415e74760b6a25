// The core's buffer behind a grpc::ByteBuffer: the C++ API does not tell that its bytes are
// compressed, or how. gRPC declares this class a friend of ByteBuffer for what must know, and
// defines it nowhere, so that its name and namespace are not ours to choose. Internal to rpc/.
#pragma once

#include "grpc/grpc.h"
#include "grpcpp/support/byte_buffer.h"

namespace grpc::internal {

class GrpcByteBufferPeer {
 public:
  // Null if nothing was put in. Belongs to the ByteBuffer.
  static grpc_byte_buffer* Buffer(grpc::ByteBuffer& bytes) { return bytes.c_buffer(); }
};

}  // namespace grpc::internal
