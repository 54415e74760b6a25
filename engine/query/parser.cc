// Recursive descent, one function a level:
//
//   query      := [or] ["GROUP" "BY" name]
//   or         := and {"OR" and}
//   and        := not {"AND" not}
//   not        := "NOT" not | "(" or ")" | comparison
//   comparison := name op literal | name ["NOT"] "IN" "(" literal {"," literal} ")"
//               | name ["NOT"] "BETWEEN" literal "AND" literal | name ["NOT"] "STARTS_WITH" literal
//               | name "IS" ["NOT"] "NULL"
#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "query/filter.h"
#include "query/lexer.h"
#include "query/values.h"

namespace perdure::query {
namespace {

// What a hostile filter may cost: stack, and parameters of a statement.
constexpr int kDepthMax = 100;
constexpr size_t kValuesMax = 10'000;

constexpr char kNamespaceDivision[] = "TemporalNamespaceDivision";
constexpr char kReservedPrefix[] = "Temporal";

using ExpressionPtr = std::unique_ptr<Expression>;

struct NamedOperator {
  absl::string_view symbol;
  Operator op;
};
constexpr NamedOperator kSymbols[] = {
    {"=", Operator::kEqual},         {"!=", Operator::kNotEqual},
    {"<>", Operator::kNotEqual},     {"<", Operator::kLess},
    {"<=", Operator::kLessOrEqual},  {">", Operator::kGreater},
    {">=", Operator::kGreaterOrEqual},
};

bool IsEquality(Operator op) { return op == Operator::kEqual || op == Operator::kNotEqual; }
bool IsPrefix(Operator op) {
  return op == Operator::kStartsWith || op == Operator::kNotStartsWith;
}
bool IsMembership(Operator op) { return op == Operator::kIn || op == Operator::kNotIn; }

// Ranges have a rule and a message of their own.
bool IsAllowed(Operator op, const Field& field) {
  // A number inside, so a prefix means nothing.
  if (field.is_system && field.name == "ExecutionStatus") return !IsPrefix(op);
  switch (field.type) {
    case Type::kKeyword:
      return true;
    case Type::kKeywordList:
      return IsEquality(op) || IsMembership(op);
    case Type::kText:
      return IsEquality(op);
    case Type::kInt:
    case Type::kDouble:
    case Type::kBool:
    case Type::kDatetime:
      return !IsPrefix(op);
  }
  return false;
}

class Parser {
 public:
  Parser(std::vector<Token> tokens, const AttributeTypes& custom, bool allow_group_by)
      : tokens_(std::move(tokens)), custom_(custom), allow_group_by_(allow_group_by) {}

  absl::StatusOr<Query> Run() {
    Query query;
    ExpressionPtr filter;
    if (!AtClause() && Peek().kind != Token::Kind::kEnd) {
      auto expression = Or(0);
      if (!expression.ok()) return expression.status();
      filter = std::move(*expression);
    }
    absl::Status status = Clauses(query);
    if (!status.ok()) return status;
    if (!has_division_) filter = HideDivisions(std::move(filter));
    query.filter = std::move(filter);
    return query;
  }

 private:
  absl::Status Clauses(Query& query) {
    if (IsWord("group")) {
      if (!allow_group_by_) return Unsupported("'GROUP BY' clause");
      Advance();
      if (!TakeWord("by")) return Unexpected();
      auto field = TakeField();
      if (!field.ok()) return field.status();
      if (IsSymbol(",")) return Unsupported("'GROUP BY' clause supports only a single field");
      // Temporal: groupByFieldAllowlist.
      if (field->name != "ExecutionStatus" && field->name != kNamespaceDivision) {
        return Unsupported(absl::StrCat("'GROUP BY' clause is not supported for search attribute ",
                                        shown_name_));
      }
      query.group_by = field->name;
    }
    if (IsWord("order")) return Unsupported("'ORDER BY' clause");
    if (IsWord("limit")) return Unsupported("'LIMIT' clause");
    if (Peek().kind != Token::Kind::kEnd) return Unexpected();
    return absl::OkStatus();
  }

  absl::StatusOr<ExpressionPtr> Or(int depth) {
    return Chain(depth, "or", Expression::Kind::kOr, &Parser::And);
  }
  absl::StatusOr<ExpressionPtr> And(int depth) {
    return Chain(depth, "and", Expression::Kind::kAnd, &Parser::Not);
  }

  // A chain of any length is one node, so that only parentheses and NOT cost depth.
  absl::StatusOr<ExpressionPtr> Chain(int depth, absl::string_view word, Expression::Kind kind,
                                      absl::StatusOr<ExpressionPtr> (Parser::*next)(int)) {
    auto first = (this->*next)(depth);
    if (!first.ok() || !IsWord(word)) return first;
    auto chain = std::make_unique<Expression>();
    chain->kind = kind;
    chain->operands.push_back(std::move(*first));
    while (TakeWord(word)) {
      auto operand = (this->*next)(depth);
      if (!operand.ok()) return operand;
      chain->operands.push_back(std::move(*operand));
    }
    return chain;
  }

  absl::StatusOr<ExpressionPtr> Not(int depth) {
    if (depth >= kDepthMax) {
      return InvalidQuery(absl::StrCat("malformed SQL query: nested deeper than ", kDepthMax));
    }
    if (TakeWord("not")) {
      auto operand = Not(depth + 1);
      if (!operand.ok()) return operand;
      auto negation = std::make_unique<Expression>();
      negation->kind = Expression::Kind::kNot;
      negation->operands.push_back(std::move(*operand));
      return negation;
    }
    if (!TakeSymbol("(")) return Comparison();
    auto inner = Or(depth + 1);
    if (inner.ok() && !TakeSymbol(")")) return Unexpected();
    return inner;
  }

  absl::StatusOr<ExpressionPtr> Comparison() {
    auto field = TakeField();
    if (!field.ok()) return field.status();
    auto comparison = std::make_unique<Expression>();
    comparison->field = std::move(*field);
    const std::string shown_name = shown_name_;
    if (TakeWord("is")) {
      comparison->op = TakeWord("not") ? Operator::kIsNotNull : Operator::kIsNull;
      if (TakeWord("null")) return comparison;
      return InvalidQuery(
          "invalid expression: 'IS' operator can only be used as 'IS NULL' or 'IS NOT NULL'");
    }
    absl::Status status = TakeOperator(*comparison, shown_name);
    if (!status.ok()) return status;
    status = TakeValues(*comparison, shown_name);
    if (!status.ok()) return status;
    return comparison;
  }

  absl::Status TakeOperator(Expression& comparison, const std::string& shown_name) {
    const Token first = Peek();
    std::string shown = first.text;
    for (const NamedOperator& candidate : kSymbols) {
      if (!TakeSymbol(candidate.symbol)) continue;
      comparison.op = candidate.op;
      return CheckOperator(comparison, shown_name, shown);
    }
    const bool is_negated = TakeWord("not");
    if (is_negated) shown = absl::StrCat("not ", Peek().text);
    if (TakeWord("in")) {
      comparison.op = is_negated ? Operator::kNotIn : Operator::kIn;
    } else if (TakeWord("starts_with")) {
      comparison.op = is_negated ? Operator::kNotStartsWith : Operator::kStartsWith;
    } else if (TakeWord("between")) {
      comparison.op = is_negated ? Operator::kNotBetween : Operator::kBetween;
      return CheckRange(comparison, shown_name);
    } else if (IsWord("like") || IsWord("regexp") || IsSymbol("<=>")) {
      return OperatorUnsupported(comparison.field, shown_name, shown);
    } else if (is_negated || AtIncomplete()) {
      return is_negated ? Unexpected() : InvalidQuery("invalid expression: incomplete expression");
    } else {
      return Unexpected();
    }
    return CheckOperator(comparison, shown_name, shown);
  }

  absl::Status CheckOperator(const Expression& comparison, const std::string& shown_name,
                             const std::string& shown) {
    if (IsAllowed(comparison.op, comparison.field)) return absl::OkStatus();
    return OperatorUnsupported(comparison.field, shown_name, shown);
  }

  absl::Status OperatorUnsupported(const Field& field, const std::string& shown_name,
                                   const std::string& shown) {
    return Unsupported(absl::StrCat("operator '", absl::AsciiStrToUpper(shown),
                                    "' not supported for ", TypeName(field.type),
                                    " type search attribute '", shown_name, "'"));
  }

  absl::Status CheckRange(const Expression& comparison, const std::string& shown_name) {
    const Type type = comparison.field.type;
    if (type == Type::kDatetime || type == Type::kDouble || type == Type::kInt ||
        type == Type::kKeyword) {
      return absl::OkStatus();
    }
    return InvalidQuery(
        absl::StrCat("invalid expression: cannot do range condition on search attribute '",
                     shown_name, "' of type ", TypeName(type)));
  }

  absl::Status TakeValues(Expression& comparison, const std::string& shown_name) {
    const bool is_list = IsMembership(comparison.op);
    const bool is_range =
        comparison.op == Operator::kBetween || comparison.op == Operator::kNotBetween;
    if (is_list && !TakeSymbol("(")) return Unexpected();
    while (true) {
      absl::Status status = TakeValue(comparison, shown_name);
      if (!status.ok()) return status;
      if (is_range && comparison.values.size() == 1) {
        if (!TakeWord("and")) return Unexpected();
        continue;
      }
      if (!is_list) return absl::OkStatus();
      if (TakeSymbol(")")) return absl::OkStatus();
      if (!TakeSymbol(",")) return Unexpected();
    }
  }

  absl::Status TakeValue(Expression& comparison, const std::string& shown_name) {
    if (++value_count_ > kValuesMax) {
      return InvalidQuery(absl::StrCat("malformed SQL query: more than ", kValuesMax, " values"));
    }
    auto literal = TakeLiteral();
    if (!literal.ok()) return literal.status();
    auto value = ConvertLiteral(comparison.field, shown_name, *literal);
    if (!value.ok()) return value.status();
    comparison.values.push_back(std::move(*value));
    return absl::OkStatus();
  }

  absl::StatusOr<Value> TakeLiteral() {
    const bool is_negative = TakeSymbol("-");
    if (!is_negative) TakeSymbol("+");
    const Token& token = Peek();
    if (token.kind == Token::Kind::kNumber) {
      const std::string digits = absl::StrCat(is_negative ? "-" : "", Advance().text);
      int64_t integer = 0;
      if (absl::SimpleAtoi(digits, &integer)) return Value(integer);
      double number = 0;
      if (absl::SimpleAtod(digits, &number) && number - number == 0) return Value(number);
      return InvalidQuery(
          absl::StrCat("invalid expression: unable to parse value \"", digits, "\""));
    }
    if (is_negative) return Unexpected();
    if (token.kind == Token::Kind::kString) return Value(Advance().text);
    if (TakeWord("true")) return Value(true);
    if (TakeWord("false")) return Value(false);
    if (IsWord("null")) return InvalidQuery("invalid expression: unexpected value type NULL");
    const bool is_name =
        token.kind == Token::Kind::kWord || token.kind == Token::Kind::kQuotedName;
    if (!is_name) return Unexpected();
    return Unsupported(absl::StrCat(
        "column name on the right side of comparison expression (did you forget to quote \"",
        token.text, "\"?)"));
  }

  absl::StatusOr<Field> TakeField() {
    const Token& token = Peek();
    if (token.kind == Token::Kind::kString || token.kind == Token::Kind::kNumber) {
      return InvalidQuery("invalid expression: must be a column name but was a value");
    }
    const bool is_name = token.kind == Token::Kind::kQuotedName ||
                         (token.kind == Token::Kind::kWord && !IsReserved(token.text));
    if (!is_name) return Unexpected();
    shown_name_ = Advance().text;
    if (IsSymbol("(")) return Unsupported("function expression");
    auto field = Resolve(shown_name_);
    if (!field.has_value()) {
      return InvalidQuery(absl::StrCat("invalid expression: column name '", shown_name_,
                                       "' is not a valid search attribute"));
    }
    if (field->name == kNamespaceDivision) has_division_ = true;
    return *std::move(field);
  }

  // Temporal: a name is also found with "Temporal" put before it or taken away.
  std::optional<Field> Resolve(const std::string& name) const {
    auto field = Find(name);
    if (field.has_value()) return field;
    if (name == "ScheduleId" || name == "TemporalScheduleId") return Find("WorkflowId");
    if (absl::StartsWith(name, kReservedPrefix)) {
      return Find(name.substr(sizeof(kReservedPrefix) - 1));
    }
    return Find(absl::StrCat(kReservedPrefix, name));
  }

  std::optional<Field> Find(const std::string& name) const {
    const auto system = SystemFields().find(name);
    if (system != SystemFields().end()) return Field{name, system->second, true};
    const auto predefined = PredefinedAttributes().find(name);
    if (predefined != PredefinedAttributes().end()) return Field{name, predefined->second, false};
    const auto custom = custom_.find(name);
    if (custom != custom_.end()) return Field{name, custom->second, false};
    return std::nullopt;
  }

  // Temporal: what lives in a division (schedules …) shows only to those who ask for it.
  static ExpressionPtr HideDivisions(ExpressionPtr filter) {
    auto is_plain = std::make_unique<Expression>();
    is_plain->field = Field{kNamespaceDivision, Type::kKeyword, false};
    is_plain->op = Operator::kIsNull;
    if (filter == nullptr) return is_plain;
    auto both = std::make_unique<Expression>();
    both->kind = Expression::Kind::kAnd;
    both->operands.push_back(std::move(is_plain));
    both->operands.push_back(std::move(filter));
    return both;
  }

  bool AtClause() const { return IsWord("group") || IsWord("order") || IsWord("limit"); }
  bool AtIncomplete() const {
    return Peek().kind == Token::Kind::kEnd || IsSymbol(")") || IsWord("and") || IsWord("or") ||
           AtClause();
  }
  static bool IsReserved(absl::string_view word) {
    for (const absl::string_view reserved :
         {"and", "or", "not", "in", "is", "null", "between", "like", "regexp", "starts_with",
          "group", "order", "by", "limit", "true", "false", "where", "select"}) {
      if (absl::EqualsIgnoreCase(word, reserved)) return true;
    }
    return false;
  }

  const Token& Peek() const { return tokens_[place_]; }
  const Token& Advance() {
    const Token& token = tokens_[place_];
    if (place_ + 1 < tokens_.size()) ++place_;
    return token;
  }
  bool IsWord(absl::string_view word) const {
    return Peek().kind == Token::Kind::kWord && absl::EqualsIgnoreCase(Peek().text, word);
  }
  bool IsSymbol(absl::string_view symbol) const {
    return Peek().kind == Token::Kind::kSymbol && Peek().text == symbol;
  }
  bool TakeWord(absl::string_view word) {
    if (!IsWord(word)) return false;
    Advance();
    return true;
  }
  bool TakeSymbol(absl::string_view symbol) {
    if (!IsSymbol(symbol)) return false;
    Advance();
    return true;
  }

  absl::Status Unexpected() const { return MalformedQuery(Peek().offset, Peek().text); }
  static absl::Status Unsupported(absl::string_view what) {
    return InvalidQuery(absl::StrCat("operation is not supported: ", what));
  }

  const std::vector<Token> tokens_;
  const AttributeTypes& custom_;
  const bool allow_group_by_;
  size_t place_ = 0;
  size_t value_count_ = 0;
  bool has_division_ = false;
  std::string shown_name_;  // of the field taken last, as written
};

}  // namespace

absl::StatusOr<Query> ParseQuery(absl::string_view text, const AttributeTypes& custom,
                                 bool allow_group_by) {
  auto tokens = Lex(text);
  if (!tokens.ok()) return tokens.status();
  return Parser(*std::move(tokens), custom, allow_group_by).Run();
}

}  // namespace perdure::query
