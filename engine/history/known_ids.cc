#include "history/known_ids.h"

namespace perdure::history {
namespace {

constexpr size_t kWordsFirst = size_t{1} << 12;
constexpr int64_t kKeysPerWord = 3;
constexpr int kBitsPerKey = 5;

// The same in every process, or a simulation could not be repeated. FNV-1a, then mixed well.
uint64_t HashOf(base::NamespaceNumber namespace_number, absl::string_view workflow_id) {
  uint64_t hash = 14695981039346656037ULL ^ static_cast<uint32_t>(namespace_number.value());
  for (const char c : workflow_id) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211ULL;
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccdULL;
  hash ^= hash >> 33;
  hash *= 0xc4ceb9fe1a85ec53ULL;
  return hash ^ (hash >> 33);
}

// The low bits choose the word, others the bits in it.
uint64_t MaskOf(uint64_t hash) {
  uint64_t mask = 0;
  for (int bit = 0; bit < kBitsPerKey; ++bit) {
    mask |= uint64_t{1} << ((hash >> (34 + 6 * bit)) & 63);
  }
  return mask;
}

}  // namespace

bool KnownIds::Holds(const Block& block, uint64_t hash) {
  const uint64_t mask = MaskOf(hash);
  return (block.words[hash & (block.words.size() - 1)] & mask) == mask;
}

void KnownIds::Add(base::NamespaceNumber namespace_number, absl::string_view workflow_id) {
  const uint64_t hash = HashOf(namespace_number, workflow_id);
  const bool is_full =
      blocks_.empty() ||
      blocks_.back().keys >= static_cast<int64_t>(blocks_.back().words.size()) * kKeysPerWord;
  if (is_full) {
    const size_t words = blocks_.empty() ? kWordsFirst : blocks_.back().words.size() * 2;
    blocks_.push_back({std::vector<uint64_t>(words), 0});
  }
  Block& block = blocks_.back();
  if (Holds(block, hash)) return;
  block.words[hash & (block.words.size() - 1)] |= MaskOf(hash);
  ++block.keys;
  ++size_;
}

bool KnownIds::MayHold(base::NamespaceNumber namespace_number,
                       absl::string_view workflow_id) const {
  const uint64_t hash = HashOf(namespace_number, workflow_id);
  for (const Block& block : blocks_) {
    if (Holds(block, hash)) return true;
  }
  return false;
}

void KnownIds::Clear() {
  blocks_.clear();
  size_ = 0;
}

}  // namespace perdure::history
