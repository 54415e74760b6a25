// Evaluates a filter on values in memory, by the rules the SQL stores follow: three-valued logic,
// strings by their bytes, times to the microsecond. Pure.
#pragma once

#include <optional>

#include "absl/functional/function_ref.h"
#include "query/filter.h"

namespace perdure::query {

// Gives a field's value, std::monostate for null.
using FieldLookup = absl::FunctionRef<Value(const Field&)>;

// Unset: null, which a list treats as false. A null filter matches everything.
std::optional<bool> Matches(const Expression* filter, FieldLookup lookup);

}  // namespace perdure::query
