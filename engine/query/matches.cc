#include "query/matches.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "query/tokens.h"

namespace perdure::query {
namespace {

// -1, 0 or 1; unset if the two cannot be compared (a type that has changed since the row was
// written). A list compares with nothing: its operators ask for membership.
std::optional<int> Compare(const Value& left, const Value& right) {
  const auto order = [](const auto& a, const auto& b) { return a < b ? -1 : b < a ? 1 : 0; };
  const auto* left_integer = std::get_if<int64_t>(&left);
  const auto* right_integer = std::get_if<int64_t>(&right);
  const auto* left_number = std::get_if<double>(&left);
  const auto* right_number = std::get_if<double>(&right);
  if (left_integer != nullptr && right_number != nullptr) {
    return order(static_cast<double>(*left_integer), *right_number);
  }
  if (left_number != nullptr && right_integer != nullptr) {
    return order(*left_number, static_cast<double>(*right_integer));
  }
  if (left.index() != right.index()) return std::nullopt;
  if (left_integer != nullptr) return order(*left_integer, *right_integer);
  if (left_number != nullptr) return order(*left_number, *right_number);
  if (const auto* flag = std::get_if<bool>(&left)) return order(*flag, std::get<bool>(right));
  if (const auto* text = std::get_if<std::string>(&left)) {
    return order(*text, std::get<std::string>(right));
  }
  if (const auto* time = std::get_if<absl::Time>(&left)) {
    return order(absl::ToUnixMicros(*time), absl::ToUnixMicros(std::get<absl::Time>(right)));
  }
  return std::nullopt;
}

bool Contains(const std::vector<std::string>& list, const Value& value) {
  return std::find(list.begin(), list.end(), std::get<std::string>(value)) != list.end();
}

std::optional<bool> Negate(std::optional<bool> value) {
  if (value.has_value()) return !*value;
  return value;
}

std::optional<bool> IsOneOf(const Value& value, const std::vector<Value>& candidates) {
  for (const Value& candidate : candidates) {
    const auto order = Compare(value, candidate);
    if (!order.has_value()) return std::nullopt;
    if (*order == 0) return true;
  }
  return false;
}

std::optional<bool> IsBetween(const Value& value, const Value& from, const Value& to) {
  const auto low = Compare(value, from);
  const auto high = Compare(value, to);
  if (!low.has_value() || !high.has_value()) return std::nullopt;
  return *low >= 0 && *high <= 0;
}

std::optional<bool> CompareScalar(const Expression& e, const Value& value) {
  switch (e.op) {
    case Operator::kIn:
      return IsOneOf(value, e.values);
    case Operator::kNotIn:
      return Negate(IsOneOf(value, e.values));
    case Operator::kBetween:
      return IsBetween(value, e.values[0], e.values[1]);
    case Operator::kNotBetween:
      return Negate(IsBetween(value, e.values[0], e.values[1]));
    case Operator::kStartsWith:
    case Operator::kNotStartsWith: {
      const bool starts =
          absl::StartsWith(std::get<std::string>(value), std::get<std::string>(e.values[0]));
      return starts == (e.op == Operator::kStartsWith);
    }
    case Operator::kEqual:
    case Operator::kNotEqual:
    case Operator::kLess:
    case Operator::kLessOrEqual:
    case Operator::kGreater:
    case Operator::kGreaterOrEqual:
    case Operator::kIsNull:
    case Operator::kIsNotNull:
      break;
  }
  const auto order = Compare(value, e.values[0]);
  if (!order.has_value()) return std::nullopt;
  if (e.op == Operator::kNotEqual) return *order != 0;
  if (e.op == Operator::kLess) return *order < 0;
  if (e.op == Operator::kLessOrEqual) return *order <= 0;
  if (e.op == Operator::kGreater) return *order > 0;
  if (e.op == Operator::kGreaterOrEqual) return *order >= 0;
  return *order == 0;
}

std::optional<bool> MatchesComparison(const Expression& e, FieldLookup lookup) {
  const Value value = lookup(e.field);
  const bool is_null = std::holds_alternative<std::monostate>(value);
  if (e.op == Operator::kIsNull) return is_null;
  if (e.op == Operator::kIsNotNull) return !is_null;
  if (is_null) return std::nullopt;
  const bool is_negated = e.op == Operator::kNotEqual || e.op == Operator::kNotIn;
  if (e.field.type == Type::kKeywordList) {
    const auto* list = std::get_if<std::vector<std::string>>(&value);
    if (list == nullptr) return std::nullopt;
    const bool found = std::any_of(e.values.begin(), e.values.end(),
                                   [list](const Value& wanted) { return Contains(*list, wanted); });
    return found != is_negated;
  }
  if (e.field.type == Type::kText) {
    const auto tokens = Tokenize(std::get<std::string>(e.values[0]));
    return HasAnyToken(std::get<std::string>(value), tokens) != is_negated;
  }
  return CompareScalar(e, value);
}

}  // namespace

std::optional<bool> Matches(const Expression* filter, FieldLookup lookup) {
  if (filter == nullptr) return true;
  if (filter->kind == Expression::Kind::kComparison) return MatchesComparison(*filter, lookup);
  if (filter->kind == Expression::Kind::kNot) {
    return Negate(Matches(filter->operands[0].get(), lookup));
  }
  // The deciding value ends the search; otherwise one null makes the whole null.
  const bool deciding = filter->kind == Expression::Kind::kOr;
  bool has_null = false;
  for (const auto& operand : filter->operands) {
    const auto value = Matches(operand.get(), lookup);
    if (value == deciding) return deciding;
    has_null = has_null || !value.has_value();
  }
  if (has_null) return std::nullopt;
  return !deciding;
}

}  // namespace perdure::query
