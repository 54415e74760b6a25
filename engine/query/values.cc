#include "query/values.h"

#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "query/lexer.h"

namespace perdure::query {
namespace {

// temporal.api.enums.v1.WorkflowExecutionStatus, by number; 0 is a value of the enum too.
constexpr std::array<std::pair<absl::string_view, absl::string_view>, 9> kStatuses = {{
    {"Unspecified", "WORKFLOW_EXECUTION_STATUS_UNSPECIFIED"},
    {"Running", "WORKFLOW_EXECUTION_STATUS_RUNNING"},
    {"Completed", "WORKFLOW_EXECUTION_STATUS_COMPLETED"},
    {"Failed", "WORKFLOW_EXECUTION_STATUS_FAILED"},
    {"Canceled", "WORKFLOW_EXECUTION_STATUS_CANCELED"},
    {"Terminated", "WORKFLOW_EXECUTION_STATUS_TERMINATED"},
    {"ContinuedAsNew", "WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW"},
    {"TimedOut", "WORKFLOW_EXECUTION_STATUS_TIMED_OUT"},
    {"Paused", "WORKFLOW_EXECUTION_STATUS_PAUSED"},
}};

// The value and its type as Go prints them, which is what Temporal's messages show.
std::string Show(const Value& literal) {
  if (const auto* flag = std::get_if<bool>(&literal)) {
    return absl::StrCat(*flag ? "true" : "false", " (type: bool)");
  }
  if (const auto* number = std::get_if<int64_t>(&literal)) {
    return absl::StrCat(*number, " (type: int64)");
  }
  if (const auto* number = std::get_if<double>(&literal)) {
    return absl::StrCat(*number, " (type: float64)");
  }
  if (const auto* text = std::get_if<std::string>(&literal)) {
    return absl::StrCat("\"", *text, "\" (type: string)");
  }
  return "<nil> (type: <nil>)";
}

absl::StatusOr<Value> ConvertStatus(const Value& literal) {
  if (const auto* number = std::get_if<int64_t>(&literal)) {
    if (*number >= 0 && *number < static_cast<int64_t>(kStatuses.size())) return Value(*number);
    return InvalidQuery(
        absl::StrCat("invalid expression: invalid ExecutionStatus value ", *number));
  }
  const auto* name = std::get_if<std::string>(&literal);
  if (name == nullptr) {
    return InvalidQuery(absl::StrCat("invalid expression: unexpected value ", Show(literal),
                                     " for search attribute ExecutionStatus"));
  }
  for (size_t i = 0; i < kStatuses.size(); ++i) {
    if (*name == kStatuses[i].first || *name == kStatuses[i].second) {
      return Value(static_cast<int64_t>(i));
    }
  }
  return InvalidQuery(
      absl::StrCat("invalid expression: invalid ExecutionStatus value '", *name, "'"));
}

absl::StatusOr<Value> ConvertDuration(const Value& literal) {
  if (std::holds_alternative<int64_t>(literal)) return literal;
  if (const auto* text = std::get_if<std::string>(&literal)) {
    const auto nanoseconds = ParseDurationNanoseconds(*text);
    if (nanoseconds.ok()) return Value(*nanoseconds);
    return InvalidQuery(absl::StrCat(
        "invalid expression: invalid duration value for search attribute ExecutionDuration: ",
        *text));
  }
  return InvalidQuery(absl::StrCat("invalid expression: unexpected value ", Show(literal),
                                   " for search attribute ExecutionDuration"));
}

absl::StatusOr<Value> ParseDatetime(const std::string& text) {
  absl::Time time;
  std::string error;
  // ParseTime also knows spaces around and "infinite-…", which RFC 3339 does not.
  const bool begins_well = !text.empty() && absl::ascii_isdigit(text.front());
  if (begins_well && !absl::ascii_isspace(text.back()) &&
      absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    return Value(time);
  }
  return InvalidQuery(
      absl::StrCat("invalid expression: unable to parse datetime '", text, "'"));
}

// Takes "12", "1.5" or ".5" off the front as whole and fractional part.
bool TakeNumber(absl::string_view& text, int64_t& whole, double& fraction) {
  size_t end = 0;
  while (end < text.size() && absl::ascii_isdigit(text[end])) ++end;
  const bool has_whole = end > 0;
  whole = 0;
  fraction = 0;
  if (has_whole && !absl::SimpleAtoi(text.substr(0, end), &whole)) return false;
  text.remove_prefix(end);
  if (text.empty() || text[0] != '.') return has_whole;
  end = 1;
  while (end < text.size() && absl::ascii_isdigit(text[end])) ++end;
  const bool has_fraction = end > 1;
  if (has_fraction && !absl::SimpleAtod(text.substr(0, end), &fraction)) return false;
  text.remove_prefix(end);
  return has_whole || has_fraction;
}

bool TakeUnit(absl::string_view& text, int64_t& nanoseconds) {
  constexpr std::array<std::pair<absl::string_view, int64_t>, 9> kUnits = {{
      {"ns", 1},
      {"us", 1'000},
      {"\xc2\xb5s", 1'000},
      {"\xce\xbcs", 1'000},
      {"ms", 1'000'000},
      {"s", 1'000'000'000},
      {"m", 60'000'000'000},
      {"h", 3'600'000'000'000},
      {"d", 86'400'000'000'000},
  }};
  for (const auto& [unit, length] : kUnits) {
    if (text.substr(0, unit.size()) != unit) continue;
    nanoseconds = length;
    text.remove_prefix(unit.size());
    return true;
  }
  return false;
}

bool ParseUnits(absl::string_view text, int64_t& total) {
  const bool is_negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  if (text.empty()) return false;
  int64_t sum = 0;
  while (!text.empty()) {
    int64_t whole = 0;
    int64_t unit = 0;
    int64_t part = 0;
    double fraction = 0;
    if (!TakeNumber(text, whole, fraction) || !TakeUnit(text, unit)) return false;
    if (__builtin_mul_overflow(whole, unit, &part)) return false;
    const auto rest = static_cast<int64_t>(fraction * static_cast<double>(unit));
    if (__builtin_add_overflow(sum, part, &sum)) return false;
    if (__builtin_add_overflow(sum, rest, &sum)) return false;
  }
  total = is_negative ? -sum : sum;
  return true;
}

bool ParseClock(absl::string_view text, int64_t& total) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  int64_t hours = 0;
  int64_t minutes = 0;
  int64_t seconds = 0;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &hours) ||
      !absl::SimpleAtoi(parts[1], &minutes) || !absl::SimpleAtoi(parts[2], &seconds)) {
    return false;
  }
  constexpr int64_t kHoursMax = 2'000'000;
  if (hours < 0 || hours > kHoursMax) return false;
  if (minutes < 0 || minutes > 59 || seconds < 0 || seconds > 59) return false;
  total = ((hours * 60 + minutes) * 60 + seconds) * 1'000'000'000;
  return true;
}

}  // namespace

absl::string_view TypeName(Type type) {
  switch (type) {
    case Type::kText:
      return "Text";
    case Type::kKeyword:
      return "Keyword";
    case Type::kInt:
      return "Int";
    case Type::kDouble:
      return "Double";
    case Type::kBool:
      return "Bool";
    case Type::kDatetime:
      return "Datetime";
    case Type::kKeywordList:
      return "KeywordList";
  }
  return "Unspecified";
}

absl::StatusOr<int64_t> ParseDurationNanoseconds(absl::string_view text) {
  int64_t total = 0;
  if (absl::SimpleAtoi(text, &total) || ParseUnits(text, total) || ParseClock(text, total)) {
    return total;
  }
  return InvalidQuery("invalid expression: invalid duration");
}

absl::StatusOr<Value> ConvertLiteral(const Field& field, absl::string_view shown_name,
                                     const Value& literal) {
  if (field.is_system && field.name == "ExecutionStatus") return ConvertStatus(literal);
  if (field.is_system && field.name == "ExecutionDuration") return ConvertDuration(literal);
  const auto* integer = std::get_if<int64_t>(&literal);
  const auto* text = std::get_if<std::string>(&literal);
  switch (field.type) {
    case Type::kInt:
      if (integer != nullptr || std::holds_alternative<double>(literal)) return literal;
      break;
    case Type::kDouble:
      if (integer != nullptr) return Value(static_cast<double>(*integer));
      if (std::holds_alternative<double>(literal)) return literal;
      break;
    case Type::kBool:
      if (std::holds_alternative<bool>(literal)) return literal;
      break;
    case Type::kDatetime:
      if (integer != nullptr) return Value(absl::FromUnixNanos(*integer));
      if (text != nullptr) return ParseDatetime(*text);
      break;
    case Type::kText:
    case Type::kKeyword:
    case Type::kKeywordList:
      if (text != nullptr) return literal;
      break;
  }
  return InvalidQuery(absl::StrCat("invalid expression: invalid value type for search attribute ",
                                   shown_name, " of type ", TypeName(field.type), ": ",
                                   Show(literal)));
}

}  // namespace perdure::query
