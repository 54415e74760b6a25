// How much a worker does at a time: a slot is the permission to hold one task.
//
// A worker asks for a slot before it polls, so that it never takes a task it cannot run. Give
// WorkerOptions a supplier of your own to tie that to something else than a number.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace perdure {

enum class SlotKind { workflow, activity, local_activity };

struct SlotRequest {
  SlotKind kind = SlotKind::workflow;
  std::string_view task_queue;
  bool is_sticky = false;  // For a poll of the worker's own queue of cached workflows.
  bool is_eager = false;   // For a task that a workflow of this worker is about to schedule.
};

// Thread-safe: a worker's loops call it at the same time. May be shared by workers; must not block
// or throw.
class SlotSupplier {
 public:
  virtual ~SlotSupplier() = default;
  // True: one slot is taken, until `release`.
  virtual bool try_reserve(const SlotRequest& request) = 0;
  virtual void release(SlotKind kind) = 0;
  // Slots free now; absent where there is no such number. For metrics and for sharing between
  // queues.
  virtual std::optional<std::int64_t> available() const { return std::nullopt; }
  // After a refusal the worker asks again when one of its slots is released, and after this time;
  // zero: only then.
  virtual std::chrono::nanoseconds retry_interval() const { return {}; }
};

// At most `count` slots at a time.
std::shared_ptr<SlotSupplier> fixed_slots(std::int64_t count);

// Slots while the machine (or the container's limit) has CPU and memory to spare.
struct ResourceSlotsOptions {
  double memory = 0.8;  // Parts of the whole, 0 to 1, above which no more slots are given.
  double cpu = 0.9;
  std::int64_t minimum = 1;  // These are given whatever the load.
  std::int64_t maximum = 1000;
  // Between two slots above the minimum: the load needs time to show what the last one cost.
  std::chrono::nanoseconds ramp = std::chrono::milliseconds(50);
};
std::shared_ptr<SlotSupplier> resource_slots(ResourceSlotsOptions options = {});

}  // namespace perdure
