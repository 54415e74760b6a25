// The operations of a run that are under way, found by the number workflow code gave them or by the
// event that began them.
//
// Loop-bound. Slots are reused; an Id is valid until Remove.
#pragma once

#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "worker-sdk/core/machines/activity.h"
#include "worker-sdk/core/machines/cancel_external.h"
#include "worker-sdk/core/machines/child.h"
#include "worker-sdk/core/machines/local_activity.h"
#include "worker-sdk/core/machines/signal_external.h"
#include "worker-sdk/core/machines/timer.h"
#include "worker-sdk/core/machines/update.h"

namespace perdure::core {

struct Machine {
  std::uint32_t seq = 0;      // 0: workflow code gave it none.
  std::int64_t event_id = 0;  // Of the event that began it; 0 until that came.
  std::variant<Timer, Activity, Child, SignalExternal, CancelExternal, LocalActivity, Update> kind;
};

class MachineTable {
 public:
  using Id = std::uint32_t;
  static constexpr Id kNone = 0xffffffff;

  Id Add(Machine machine) {
    Id id;
    if (!free_.empty()) {
      id = free_.back();
      free_.pop_back();
      slots_[id] = std::move(machine);
    } else {
      id = static_cast<Id>(slots_.size());
      slots_.push_back(std::move(machine));
    }
    if (slots_[id].seq != 0) by_seq_[slots_[id].seq] = id;
    return id;
  }
  Machine& operator[](Id id) { return slots_[id]; }
  const Machine& operator[](Id id) const { return slots_[id]; }
  // Its own kind; null where `id` is kNone or another kind.
  template <class Kind>
  Kind* As(Id id) {
    return id == kNone ? nullptr : std::get_if<Kind>(&slots_[id].kind);
  }
  Id BySeq(std::uint32_t seq) const { return Find(by_seq_, seq); }
  Id ByEvent(std::int64_t event_id) const { return Find(by_event_, event_id); }
  void BindEvent(Id id, std::int64_t event_id) {
    slots_[id].event_id = event_id;
    by_event_[event_id] = id;
  }
  void Remove(Id id) {
    Machine& machine = slots_[id];
    if (machine.seq != 0) by_seq_.erase(machine.seq);
    if (machine.event_id != 0) by_event_.erase(machine.event_id);
    machine = Machine();
    free_.push_back(id);
  }
  std::size_t size() const { return slots_.size() - free_.size(); }
  // Without strings, which are small.
  std::int64_t memory_bytes() const {
    return static_cast<std::int64_t>(
        slots_.capacity() * sizeof(Machine) + free_.capacity() * sizeof(Id) +
        by_seq_.capacity() * (sizeof(std::pair<std::uint32_t, Id>) + 1) +
        by_event_.capacity() * (sizeof(std::pair<std::int64_t, Id>) + 1));
  }

 private:
  template <class Map, class Key>
  static Id Find(const Map& map, Key key) {
    const auto found = map.find(key);
    return found == map.end() ? kNone : found->second;
  }

  std::vector<Machine> slots_;
  std::vector<Id> free_;
  absl::flat_hash_map<std::uint32_t, Id> by_seq_;
  absl::flat_hash_map<std::int64_t, Id> by_event_;
};

}  // namespace perdure::core
