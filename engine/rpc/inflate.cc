#include "rpc/inflate.h"

#include <libdeflate.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "grpcpp/support/slice.h"
#include "rpc/byte_buffer_peer.h"

namespace perdure::rpc {
namespace {

// Deflate says 258 bytes with two bits at best.
constexpr size_t kInflationMax = 1032;
// How much larger a message is guessed to be where no size is told.
constexpr size_t kInflationUsual = 4;

struct Freed {
  void operator()(libdeflate_decompressor* decompressor) const {
    libdeflate_free_decompressor(decompressor);
  }
};

// One a thread, for it has tables to fill.
libdeflate_decompressor* Decompressor() {
  thread_local const std::unique_ptr<libdeflate_decompressor, Freed> decompressor(
      libdeflate_alloc_decompressor());
  return decompressor.get();
}

absl::Status Broken() { return absl::InternalError("The request's compressed bytes are broken."); }

// Begins as gRPC's own text does, by which clients tell it from a rate limit.
absl::Status TooLarge(size_t size_max) {
  return absl::ResourceExhaustedError(
      absl::StrCat("Received message larger than max (inflated, vs. ", size_max, ")"));
}

// What the end of a gzip says of the size: that of its last member, modulo 2^32, if it is true.
size_t SizeAtTheEnd(absl::string_view gzip) {
  size_t size = 0;
  for (size_t i = 1; i <= std::min<size_t>(4, gzip.size()); ++i) {
    size = size << 8 | static_cast<uint8_t>(gzip[gzip.size() - i]);
  }
  return size;
}

class Output {
 public:
  explicit Output(size_t capacity) : slice_(capacity) {}

  uint8_t* end() { return const_cast<uint8_t*>(slice_.begin()) + size_; }
  size_t capacity() const { return slice_.size(); }
  size_t room() const { return slice_.size() - size_; }
  void Add(size_t size) { size_ += size; }
  void Grow(size_t capacity) {
    grpc::Slice larger(capacity);
    std::memcpy(const_cast<uint8_t*>(larger.begin()), slice_.begin(), size_);
    slice_ = std::move(larger);
  }
  grpc::Slice Take() && { return room() == 0 ? std::move(slice_) : slice_.sub(0, size_); }

 private:
  grpc::Slice slice_;
  size_t size_ = 0;
};

absl::StatusOr<grpc::Slice> Inflated(absl::string_view packed, bool is_gzip, size_t size_max) {
  const size_t capacity_max = std::min(size_max, kInflationMax * packed.size());
  const size_t guess = is_gzip ? SizeAtTheEnd(packed) : kInflationUsual * packed.size();
  Output output(std::min(guess, capacity_max));
  const auto inflate = is_gzip ? libdeflate_gzip_decompress_ex : libdeflate_zlib_decompress_ex;
  while (true) {
    size_t taken = 0;
    size_t made = 0;
    const libdeflate_result result = inflate(Decompressor(), packed.data(), packed.size(),
                                             output.end(), output.room(), &taken, &made);
    if (result == LIBDEFLATE_SUCCESS) {
      output.Add(made);
      packed.remove_prefix(taken);
      if (packed.empty()) return std::move(output).Take();
      // A gzip may have several members.
      if (!is_gzip) return Broken();
    } else if (result != LIBDEFLATE_INSUFFICIENT_SPACE) {
      return Broken();
    } else if (output.capacity() < capacity_max) {
      // The member begins anew: with twice the room, all tries cost no more than twice the last.
      output.Grow(std::min(capacity_max, 2 * output.capacity() + kInflationUsual * packed.size()));
    } else {
      return capacity_max < size_max ? Broken() : TooLarge(size_max);
    }
  }
}

// In one piece, without a copy if it came so.
grpc::Slice Flat(const grpc_slice_buffer& pieces) {
  if (pieces.count == 1) return grpc::Slice(pieces.slices[0], grpc::Slice::ADD_REF);
  grpc::Slice flat(pieces.length);
  uint8_t* end = const_cast<uint8_t*>(flat.begin());
  for (size_t i = 0; i < pieces.count; ++i) {
    const grpc_slice& piece = pieces.slices[i];
    std::memcpy(end, GRPC_SLICE_START_PTR(piece), GRPC_SLICE_LENGTH(piece));
    end += GRPC_SLICE_LENGTH(piece);
  }
  return flat;
}

}  // namespace

absl::Status Inflate(grpc::ByteBuffer& bytes, int64_t size_max) {
  const grpc_byte_buffer* buffer = grpc::internal::GrpcByteBufferPeer::Buffer(bytes);
  if (buffer == nullptr || buffer->data.raw.compression == GRPC_COMPRESS_NONE) {
    return absl::OkStatus();
  }
  // gRPC takes nothing for an empty message, however it says that it is compressed.
  if (buffer->data.raw.slice_buffer.length == 0) return absl::OkStatus();
  const grpc::Slice packed = Flat(buffer->data.raw.slice_buffer);
  const auto inflated =
      Inflated(absl::string_view(reinterpret_cast<const char*>(packed.begin()), packed.size()),
               buffer->data.raw.compression == GRPC_COMPRESS_GZIP, static_cast<size_t>(size_max));
  if (!inflated.ok()) return inflated.status();
  grpc::ByteBuffer plain(&*inflated, 1);
  bytes.Swap(&plain);
  return absl::OkStatus();
}

}  // namespace perdure::rpc
