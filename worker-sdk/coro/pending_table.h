// What a run waits for, by seq.
//
// Loop-bound. Seqs are given out in rising order, so that entries are appended and found by
// bisection; one that is taken leaves a gap, and gaps are closed once they are the half. Costs 24
// bytes an entry and nothing while empty: a hash table of the two or three that a usual run waits
// for would cost hundreds.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "perdure/detail/operation.h"

namespace perdure::detail {

class PendingTable {
 public:
  struct Entry {
    std::uint32_t seq = 0;
    Operation* operation = nullptr;  // Null: a gap.
    Ref<StateBase> state = {};
  };

  // `seq` is larger than all that came before.
  void Add(std::uint32_t seq, Ref<StateBase> state, Operation* operation) {
    entries_.push_back({seq, operation, std::move(state)});
  }
  // Null for one that is not there; valid until the next Add or Take.
  Entry* Find(std::uint32_t seq) {
    const auto found =
        std::lower_bound(entries_.begin(), entries_.end(), seq,
                         [](const Entry& entry, std::uint32_t key) { return entry.seq < key; });
    const bool is_there =
        found != entries_.end() && found->seq == seq && found->operation != nullptr;
    return is_there ? &*found : nullptr;
  }
  // Takes out what Find found.
  Entry Take(Entry* entry) {
    Entry taken = std::exchange(*entry, Entry{.seq = entry->seq});
    if (++gaps_ * 2 >= entries_.size()) CloseGaps();
    return taken;
  }
  void Clear() {
    // What goes with the entries may look here.
    const std::vector<Entry> gone = std::exchange(entries_, {});
    gaps_ = 0;
  }
  std::size_t size() const { return entries_.size() - gaps_; }
  std::int64_t memory_bytes() const {
    return static_cast<std::int64_t>(entries_.capacity() * sizeof(Entry));
  }

 private:
  void CloseGaps() {
    std::erase_if(entries_, [](const Entry& entry) { return entry.operation == nullptr; });
    gaps_ = 0;
  }

  std::vector<Entry> entries_;
  std::size_t gaps_ = 0;
};

}  // namespace perdure::detail
