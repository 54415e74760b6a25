// A map that can be laid over another one: the workspace of a decision sees the state plus its own
// changes, at a cost that depends on the changes alone.
//
// Value, ordered by key. An overlay borrows its base, which must outlive it and not change
// meanwhile.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"

namespace perdure::machines {

template <class K, class V>
class EntityMap {
 public:
  EntityMap() = default;

  // An empty overlay on `base`.
  static EntityMap Over(const EntityMap& base) {
    EntityMap overlay;
    overlay.base_ = &base;
    overlay.size_ = base.size_;
    return overlay;
  }

  // Null if absent. Valid until the entry changes.
  const V* Find(const K& key) const {
    const auto found = items_.find(key);
    if (found != items_.end()) return found->second.has_value() ? &*found->second : nullptr;
    return base_ != nullptr ? base_->Find(key) : nullptr;
  }
  bool Contains(const K& key) const { return Find(key) != nullptr; }

  void Put(const K& key, V value) {
    if (Find(key) == nullptr) ++size_;
    items_.insert_or_assign(key, std::optional<V>(std::move(value)));
  }

  void Erase(const K& key) {
    if (Find(key) == nullptr) return;
    --size_;
    if (base_ != nullptr) {
      items_.insert_or_assign(key, std::optional<V>());
    } else {
      items_.erase(key);
    }
  }

  void Clear() {
    if (base_ == nullptr) {
      items_.clear();
    } else {
      for (const K& key : Keys()) Erase(key);
    }
    size_ = 0;
  }

  int64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // All keys, ascending. Walks the whole map: not for what happens often.
  std::vector<K> Keys() const {
    absl::btree_map<K, bool> present;
    Collect(present);
    std::vector<K> keys;
    for (const auto& [key, is_present] : present) {
      if (is_present) keys.push_back(key);
    }
    return keys;
  }

  // The smallest key, if any. O(1) on a map that is no overlay.
  std::optional<K> FirstKey() const {
    if (size_ == 0) return std::nullopt;
    if (base_ == nullptr) return items_.begin()->first;
    return Keys().front();
  }

 private:
  void Collect(absl::btree_map<K, bool>& present) const {
    if (base_ != nullptr) base_->Collect(present);
    for (const auto& [key, value] : items_) present[key] = value.has_value();
  }

  const EntityMap* base_ = nullptr;
  absl::btree_map<K, std::optional<V>> items_;  // nullopt: erased from the base
  int64_t size_ = 0;
};

}  // namespace perdure::machines
