// Slots by what the machine has left: the inside of perdure::resource_slots, with its meter and
// clock given.
#pragma once

#include <functional>
#include <memory>

#include "perdure/slots.h"

namespace perdure::worker {

// Parts of the whole in use, 0 to 1. Thread-safe.
struct ResourceUse {
  double cpu = 0;
  double memory = 0;
};
using ResourceMeter = std::function<ResourceUse()>;
using MonotonicClock = std::function<std::chrono::nanoseconds()>;

std::shared_ptr<SlotSupplier> MakeResourceSlots(ResourceSlotsOptions options, ResourceMeter meter,
                                                MonotonicClock clock);

// This machine, or the container's limits where there are any (cgroup v2). CPU is what was used
// since the last look, at least 100 ms before; looks in between repeat the last.
ResourceMeter MachineMeter(MonotonicClock clock);

}  // namespace perdure::worker
