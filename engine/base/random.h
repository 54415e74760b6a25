// Deterministic pseudo-random numbers (SplitMix64): same seed, same numbers, on every platform.
// `std::` distributions differ between standard libraries, so none are used. Value; not
// thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.h"

namespace perdure::base {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // In [0, limit); 0 when limit is 0. The modulo bias is below 2^-32 for the limits we use.
  uint64_t Below(uint64_t limit) { return limit == 0 ? 0 : Next() % limit; }
  // In [0, 1).
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }
  bool Chance(double probability) { return Unit() < probability; }
  std::string Uuid() {
    const uint64_t high = Next();
    return FormatUuid(high, Next());
  }
  // Ordered by time (UUID version 7), as run ids are.
  std::string TimeUuid(int64_t unix_milliseconds) {
    const uint64_t high = static_cast<uint64_t>(unix_milliseconds) << 16 | (Next() & 0xffff);
    return FormatTimeUuid(high, Next());
  }

 private:
  uint64_t state_;
};

}  // namespace perdure::base
