// Numbered differences in behaviour that history remembers (R36, R37).
//
// A run keeps to the behaviour that its history was made with: a task's completion names what it
// newly relied on, and a replay may rely on that only. Numbers are never reused. Flags of workflow
// code's own scheduling, of which there are none yet, travel as numbers of another range
// (lang_used_flags).
#pragma once

#include <cstdint>

namespace perdure::core {

// 1 to 3 mean what they mean in Temporal's own core, so that histories are read alike.
enum class CoreFlag : std::uint32_t {
  kIdAndTypeChecks = 1,  // Ids and types of activities and children must match history.
  kUpsertOnPatch = 2,    // A patch also upserts TemporalChangeVersion; keys of upserts must match.
  kTerminalCommandLast =
      3,  // Commands after a terminal one are sent before it, instead of dropped.
};
constexpr std::uint32_t kCoreFlagMax = 3;

// A set of core flags; numbers of newer versions are known to none.
class CoreFlags {
 public:
  constexpr bool Has(CoreFlag flag) const { return bits_ >> static_cast<std::uint32_t>(flag) & 1; }
  constexpr void Add(std::uint32_t number) {
    if (number <= kCoreFlagMax) bits_ |= 1u << number;
  }

 private:
  std::uint32_t bits_ = 0;
};

}  // namespace perdure::core
