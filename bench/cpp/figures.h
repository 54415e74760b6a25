// Names and values that a scenario prints, and what it measures them by.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace perdure::bench {

using Figures = std::vector<std::pair<std::string, double>>;

// Of this process, all threads.
double OwnCpuSeconds();
// Of another process, so far; 0 where there is none.
double CpuSecondsOf(std::int64_t pid);
// Of this process, now.
double ResidentBytes();

}  // namespace perdure::bench
