#include "worker-sdk/worker/run_cache.h"

#include <utility>

namespace perdure::worker {

CachedRun* RunCache::Find(const std::string& run_id) {
  const auto found = runs_.find(run_id);
  return found == runs_.end() ? nullptr : found->second.get();
}

CachedRun* RunCache::Insert(std::unique_ptr<CachedRun> run, Nanos now) {
  CachedRun* raw = run.get();
  raw->place = order_.insert(order_.end(), raw);
  raw->last_used = now;
  runs_[raw->owner.run_id] = std::move(run);
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
  run->bytes = run->run->memory_bytes();
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
