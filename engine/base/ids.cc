#include "base/ids.h"

#include <array>

namespace perdure::base {

ShardId ShardOf(NamespaceNumber namespace_number, absl::string_view workflow_id) {
  constexpr uint64_t kPrime = 1099511628211ULL;
  uint64_t hash = 14695981039346656037ULL;
  const auto mix = [&hash](uint8_t byte) { hash = (hash ^ byte) * kPrime; };
  const auto number = static_cast<uint32_t>(namespace_number.value());
  for (int shift = 0; shift < 32; shift += 8) mix(static_cast<uint8_t>(number >> shift));
  for (const char c : workflow_id) mix(static_cast<uint8_t>(c));
  // FNV's low bits mix poorly for short keys.
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccdULL;
  hash ^= hash >> 33;
  return ShardId(static_cast<int32_t>(hash % kShardCount));
}

namespace {

std::string Format(uint64_t high, uint64_t low, uint64_t version) {
  high = (high & 0xffffffffffff0fffULL) | version << 12;
  low = (low & 0x3fffffffffffffffULL) | 0x8000000000000000ULL;
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (int nibble = 0; nibble < 32; ++nibble) {
    if (nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20) text.push_back('-');
    const uint64_t half = nibble < 16 ? high : low;
    text.push_back(kHex[(half >> (60 - 4 * (nibble % 16))) & 0xf]);
  }
  return text;
}

}  // namespace

std::string FormatUuid(uint64_t high, uint64_t low) { return Format(high, low, 4); }

std::string FormatTimeUuid(uint64_t high, uint64_t low) { return Format(high, low, 7); }

bool IsUuid(absl::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (c != '-') return false;
      continue;
    }
    const bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (!is_hex) return false;
  }
  return true;
}

}  // namespace perdure::base
