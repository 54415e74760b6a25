// Randomness of a run: a number that is the same in every replay, on every machine and in every
// version.
#pragma once

#include <cstdint>
#include <string_view>

namespace perdure::core {

// FNV-1a over the bytes of the run's id, then the finalizer of SplitMix64, as FNV alone leaves ids
// that differ in their last character close together. Histories depend on it: it is never changed.
constexpr std::uint64_t SeedFrom(std::string_view run_id) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : run_id) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
  return hash ^ (hash >> 31);
}

}  // namespace perdure::core
