#include "worker-sdk/worker/run_cache.h"

#include <utility>

namespace perdure::worker {
namespace {

// What a text has on the heap, with the allocator's own.
std::int64_t HeapBytes(const std::string& text) {
  return text.capacity() < sizeof(std::string) / 2
             ? 0
             : static_cast<std::int64_t>(text.capacity() + 1 + sizeof(void*));
}

// The cache's part of a run: entry, place in the order, and the texts by which it is known.
std::int64_t BytesOf(const CachedRun& run) {
  constexpr std::int64_t kEntry = 2 * (sizeof(absl::string_view) + sizeof(void*) + 1);
  constexpr std::int64_t kPlace = 2 * sizeof(void*) + sizeof(CachedRun*) + sizeof(void*);
  return static_cast<std::int64_t>(sizeof(CachedRun)) + kEntry + kPlace +
         HeapBytes(run.owner.run_id) + HeapBytes(run.owner.workflow_id) +
         HeapBytes(run.owner.workflow_type) + HeapBytes(run.task_token);
}

}  // namespace

CachedRun* RunCache::Find(const std::string& run_id) {
  const auto found = runs_.find(run_id);
  return found == runs_.end() ? nullptr : found->second.get();
}

CachedRun* RunCache::Insert(std::unique_ptr<CachedRun> run, Nanos now) {
  CachedRun* raw = run.get();
  raw->place = order_.insert(order_.end(), raw);
  raw->last_used = now;
  runs_.emplace(raw->owner.run_id, std::move(run));
  return raw;
}

std::unique_ptr<CachedRun> RunCache::Remove(CachedRun* run) {
  const auto found = runs_.find(run->owner.run_id);
  std::unique_ptr<CachedRun> owned = std::move(found->second);
  runs_.erase(found);
  order_.erase(owned->place);
  bytes_ -= owned->bytes;
  return owned;
}

void RunCache::Used(CachedRun* run, Nanos now) {
  run->last_used = now;
  order_.splice(order_.end(), order_, run->place);
  bytes_ -= run->bytes;
  run->bytes = BytesOf(*run) + run->run->memory_bytes();
  bytes_ += run->bytes;
}

CachedRun* RunCache::Oldest() {
  for (CachedRun* run : order_) {
    if (run->phase == CachedRun::Phase::idle) return run;
  }
  return nullptr;
}

CachedRun* RunCache::Expired(Nanos now) {
  CachedRun* oldest = Oldest();
  if (oldest == nullptr || options_.idle <= Nanos(0)) return nullptr;
  return now - oldest->last_used >= options_.idle ? oldest : nullptr;
}

}  // namespace perdure::worker
