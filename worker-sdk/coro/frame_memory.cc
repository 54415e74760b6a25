#include "worker-sdk/coro/frame_memory.h"

#include <algorithm>
#include <new>

namespace perdure::detail {
namespace {

// Before each block. As large as the strictest alignment, so that the block keeps it.
struct alignas(std::max_align_t) Header {
  FrameMemory* owner;
};

}  // namespace

void* FrameMemory::AllocateFromHeap(std::size_t size) {
  auto* header = static_cast<Header*>(::operator new(size + sizeof(Header)));
  header->owner = nullptr;
  return header + 1;
}

void* FrameMemory::Allocate(std::size_t size) {
  const std::size_t whole = size + sizeof(Header);
  const std::size_t step = (whole + kStep - 1) / kStep;
  Header* header = nullptr;
  if (step >= kSteps) {
    header = static_cast<Header*>(::operator new(whole));
    held_bytes_ += static_cast<std::int64_t>(whole);
  } else if (free_[step] != nullptr) {
    header = static_cast<Header*>(free_[step]);
    free_[step] = *static_cast<void**>(free_[step]);
  } else {
    const std::size_t rounded = step * kStep;
    if (left_ < rounded) {
      // What is left of the chunk before is lost; at most a block's size each time.
      const std::size_t half = std::min(in_chunks_ / 2 / kStep * kStep, kChunkMax);
      left_ = std::max(in_chunks_ == 0 ? kChunkFirst : half, rounded);
      chunks_.emplace_back(new std::byte[left_]);
      next_ = chunks_.back().get();
      held_bytes_ += static_cast<std::int64_t>(left_);
      in_chunks_ += left_;
    }
    header = reinterpret_cast<Header*>(next_);
    next_ += rounded;
    left_ -= rounded;
  }
  header->owner = this;
  return header + 1;
}

void FrameMemory::Free(void* memory, std::size_t size) noexcept {
  Header* header = static_cast<Header*>(memory) - 1;
  FrameMemory* owner = header->owner;
  const std::size_t whole = size + sizeof(Header);
  const std::size_t step = (whole + kStep - 1) / kStep;
  if (owner == nullptr || step >= kSteps) {
    if (owner != nullptr) owner->held_bytes_ -= static_cast<std::int64_t>(whole);
    ::operator delete(header);
    return;
  }
  *reinterpret_cast<void**>(header) = owner->free_[step];
  owner->free_[step] = header;
}

}  // namespace perdure::detail
