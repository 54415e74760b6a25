// Commands that workflow code gave and whose events are still to come, in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "temporal/api/command/v1/message.pb.h"
#include "temporal/api/enums/v1/event_type.pb.h"
#include "worker-sdk/core/machine_table.h"

namespace perdure::core {

enum class CommandKind {
  kStartTimer,
  kCancelTimer,
  kScheduleActivity,
  kCancelActivity,
  kStartChild,
  kSignalExternal,
  kCancelExternal,
  kPatch,
  kSideEffect,
  kMutableSideEffect,
  kLocalActivity,
  kUpsertSearchAttributes,
  kModifyProperties,
  kAcceptUpdate,
  kCompleteUpdate,
  kCompleteRun,
  kFailRun,
  kCancelRun,
  kContinueAsNew,
};

struct CommandKindInfo {
  CommandKind kind;
  const char* name;  // As the API calls the command.
  temporal::api::enums::v1::EventType event;
};
const CommandKindInfo& InfoOf(CommandKind kind);

struct PendingCommand {
  CommandKind kind;
  MachineTable::Id machine = MachineTable::kNone;  // None: nothing resolves it (R22).
  bool deprecated = false;                         // Of a patch.
  std::int64_t number = 0;  // Id of a side effect, call of a mutable one, seq of a local activity.
  std::string name;         // Of a patch or mutable side effect; keys of an upsert.
  // What to send; null in replay and once it was sent.
  std::unique_ptr<temporal::api::command::v1::Command> command = nullptr;
};

// A queue that keeps its buffer.
class PendingCommands {
 public:
  void Push(PendingCommand command) { commands_.push_back(std::move(command)); }
  bool is_empty() const { return head_ == commands_.size(); }
  PendingCommand& front() { return commands_[head_]; }
  void PopFront() {
    if (++head_ == commands_.size()) {
      commands_.clear();
      head_ = 0;
    }
  }
  auto begin() { return commands_.begin() + static_cast<std::ptrdiff_t>(head_); }
  auto end() { return commands_.end(); }
  auto begin() const { return commands_.begin() + static_cast<std::ptrdiff_t>(head_); }
  auto end() const { return commands_.end(); }
  // Drops the commands for which `predicate` holds.
  template <class Predicate>
  void EraseIf(Predicate predicate) {
    std::size_t kept = head_;
    for (std::size_t i = head_; i < commands_.size(); ++i) {
      if (predicate(commands_[i])) continue;
      if (kept != i) commands_[kept] = std::move(commands_[i]);
      ++kept;
    }
    commands_.erase(commands_.begin() + static_cast<std::ptrdiff_t>(kept), commands_.end());
    if (is_empty()) {
      commands_.clear();
      head_ = 0;
    }
  }
  void Shrink() { commands_.shrink_to_fit(); }
  std::int64_t memory_bytes() const {
    return static_cast<std::int64_t>(commands_.capacity() * sizeof(PendingCommand));
  }

 private:
  std::vector<PendingCommand> commands_;
  std::size_t head_ = 0;
};

}  // namespace perdure::core
