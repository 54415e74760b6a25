// A set that may say yes by mistake, never no: which workflow ids may have a run. What it does not
// know need not be looked for in the store.
//
// Value. Grows by blocks, each twice as large as the one before and as full as it gets: about three
// bytes an id; one answer in a few hundred is a mistaken yes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/ids.h"

namespace perdure::history {

class KnownIds {
 public:
  void Add(base::NamespaceNumber namespace_number, absl::string_view workflow_id);
  bool MayHold(base::NamespaceNumber namespace_number, absl::string_view workflow_id) const;
  // As added: what was added twice counts once or twice.
  int64_t size() const { return size_; }
  void Clear();

 private:
  // A Bloom filter whose bits for one key stand in one word, so that a look costs one cache miss.
  struct Block {
    std::vector<uint64_t> words;
    int64_t keys = 0;
  };

  static bool Holds(const Block& block, uint64_t hash);

  std::vector<Block> blocks_;
  int64_t size_ = 0;
};

}  // namespace perdure::history
