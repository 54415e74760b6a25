// The memory of one run: coroutine frames, results, scopes and the workflow object.
//
// Begins with 1 KB and grows by half of what it has, by at most 64 KB; what is freed is kept by
// size, in steps of 64 bytes, for the next of that size. Blocks above 1 KB come from the heap.
// Everything allocated knows its owner, so that freeing does not depend on where it is done.
// Loop-bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace perdure::detail {

class FrameMemory {
 public:
  FrameMemory() = default;
  FrameMemory(const FrameMemory&) = delete;

  // Aligned for everything but over-aligned types.
  void* Allocate(std::size_t size);
  // `size` as it was allocated. `memory` may be of any FrameMemory that lives, or of the heap.
  static void Free(void* memory, std::size_t size) noexcept;
  static void* AllocateFromHeap(std::size_t size);

  std::int64_t held_bytes() const { return held_bytes_; }

 private:
  static constexpr std::size_t kStep = 64;
  static constexpr std::size_t kSteps = 17;
  static constexpr std::size_t kChunkFirst = 1024;
  static constexpr std::size_t kChunkMax = 64 * 1024;

  void* free_[kSteps] = {};
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::byte* next_ = nullptr;
  std::size_t left_ = 0;
  std::size_t in_chunks_ = 0;
  std::int64_t held_bytes_ = 0;
};

}  // namespace perdure::detail
