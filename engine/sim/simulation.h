// One simulated run, from its seed to its verdict.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace perdure::sim {

struct Verdict {
  std::vector<std::string> wrongs;  // empty: all is well
  uint64_t fingerprint = 0;
  int64_t steps = 0;
  double virtual_seconds = 0;
  std::map<std::string, int64_t> counts;
};

Verdict Simulate(uint64_t seed, bool verbose);

}  // namespace perdure::sim
