// The list filter as a syntax tree: what Temporal's visibility query language can say, typed.
// Values; pure.
//
// `ParseFilter` reads the text, `CheckFilter` resolves names and types against the registered
// attributes. Stores compile the checked tree into SQL with bound parameters (store/sql).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace perdure::query {

enum class Type { kText, kKeyword, kInt, kDouble, kBool, kDatetime, kKeywordList };

// std::monostate is null. A list of strings is a KeywordList.
using Value = std::variant<std::monostate, bool, int64_t, double, std::string, absl::Time,
                           std::vector<std::string>>;

enum class Operator {
  kEqual,
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kIn,
  kNotIn,
  kBetween,
  kNotBetween,
  kStartsWith,
  kNotStartsWith,
  kIsNull,
  kIsNotNull,
};

// A field of the list row, resolved: a system field has a fixed column, the others are attributes.
struct Field {
  std::string name;
  Type type = Type::kKeyword;
  bool is_system = false;
};

struct Expression {
  enum class Kind { kAnd, kOr, kNot, kComparison };
  Kind kind = Kind::kComparison;
  std::vector<std::unique_ptr<Expression>> operands;  // kAnd, kOr, kNot
  Field field;                                        // kComparison
  Operator op = Operator::kEqual;
  std::vector<Value> values;
};

// A whole list or count query: `filter` is null when there is none; `group_by` is empty unless
// given.
struct Query {
  std::shared_ptr<const Expression> filter;
  std::string group_by;
};

// Custom attributes of a namespace by name; system and predefined ones are known to the module.
using AttributeTypes = std::map<std::string, Type>;

// Reads and type-checks. INVALID_ARGUMENT says what is wrong and where. Groups are allowed only for
// counts.
absl::StatusOr<Query> ParseQuery(absl::string_view text, const AttributeTypes& custom,
                                 bool allow_group_by);

// System fields (WorkflowId, StartTime …) and predefined attributes (BuildIds …), by name.
const AttributeTypes& SystemFields();
const AttributeTypes& PredefinedAttributes();

}  // namespace perdure::query
