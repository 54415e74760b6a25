// Turns the literals of a filter into values of the field's type. Pure.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "query/filter.h"

namespace perdure::query {

// "Keyword", "KeywordList" …: Temporal's names of the types.
absl::string_view TypeName(Type type);

// `shown_name` is how the user wrote the field. `literal` is a bool, int64_t, double or string.
absl::StatusOr<Value> ConvertLiteral(const Field& field, absl::string_view shown_name,
                                     const Value& literal);

// Nanoseconds ("1500"), Go durations with days ("1d2h30m", "1.5s") or "HH:MM:SS".
absl::StatusOr<int64_t> ParseDurationNanoseconds(absl::string_view text);

}  // namespace perdure::query
