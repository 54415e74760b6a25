// A distinct type for each id and number with a meaning, so that mixing two does not compile.
//
// Value. Costs nothing over the underlying type. The underlying value comes out (`value()`) only at
// the wire and at the store.
#pragma once

#include <compare>
#include <ostream>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace perdure::base {

template <class Tag, class T>
class Strong {
 public:
  using Value = T;

  constexpr Strong() = default;
  constexpr explicit Strong(T value) : value_(std::move(value)) {}

  constexpr const T& value() const { return value_; }

  friend auto operator<=>(const Strong&, const Strong&) = default;
  friend bool operator==(const Strong&, const Strong&) = default;

  template <class H>
  friend H AbslHashValue(H h, const Strong& s) {
    return H::combine(std::move(h), s.value_);
  }

  friend std::ostream& operator<<(std::ostream& os, const Strong& s) { return os << s.value_; }

 private:
  T value_{};
};

}  // namespace perdure::base
