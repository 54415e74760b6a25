#include "store/sql/filter_sql.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "query/strings.h"
#include "query/tokens.h"
#include "store/checks.h"
#include "store/sql/attributes.h"

namespace perdure::store::sql {
namespace {

using query::Expression;
using query::Field;
using query::Operator;
using query::Type;
using query::Value;

// The columns of the system fields. Run ids are kept in binary and compared in text.
std::string SystemColumn(const std::string& name, Dialect dialect) {
  const bool is_postgres = dialect == Dialect::kPostgres;
  if (name == "WorkflowId") return "workflow_id";
  if (name == "RunId") {
    // A UUID's text orders and compares as its bytes do.
    return is_postgres ? "(run_id::text COLLATE \"C\")" : "run_id_text(run_id)";
  }
  if (name == "WorkflowType") return "workflow_type";
  if (name == "TaskQueue") return "task_queue";
  if (name == "ExecutionStatus") return "status";
  if (name == "StartTime") return "start_time_us";
  if (name == "ExecutionTime") return "execution_time_us";
  if (name == "CloseTime") return "close_time_us";
  if (name == "HistoryLength") return "history_length";
  if (name == "HistorySizeBytes") return "history_size_bytes";
  if (name == "StateTransitionCount") return "state_transition_count";
  if (name == "ExecutionDuration") return "((close_time_us - execution_time_us) * 1000)";
  if (name == "ParentWorkflowId") return "parent_workflow_id";
  if (name == "ParentRunId") return "parent_run_id";
  const bool is_run = name == "RootRunId";
  const std::string root = is_run ? "root_run_id" : "root_workflow_id";
  if (!is_postgres) return root;
  // Of a run that is its own root PostgreSQL's rows do not repeat the ids.
  const std::string own = SystemColumn(is_run ? "RunId" : "WorkflowId", dialect);
  return absl::StrCat("(CASE ", root, " WHEN '' THEN ", own, " ELSE ", root, " END)");
}

// Names are checked when they are registered (CheckAttributeName) and the predefined ones are ours;
// doubling quotes keeps even others harmless.
std::string QuotableKey(const std::string& name, Type type) {
  return absl::StrReplaceAll(AttributeKey(name, type), {{"'", "''"}, {"\"", "_"}, {"\\", "_"}});
}

std::string AttributeColumn(const std::string& name, Type type, Dialect dialect) {
  const std::string key = QuotableKey(name, type);
  if (dialect == Dialect::kSqlite) {
    return absl::StrCat("json_extract(attributes, '$.\"", key, "\"')");
  }
  switch (type) {
    case Type::kText:
    case Type::kKeyword:
      return absl::StrCat("((attributes ->> '", key, "') COLLATE \"C\")");
    case Type::kInt:
    case Type::kDatetime:
      return absl::StrCat("((attributes ->> '", key, "')::bigint)");
    case Type::kDouble:
      return absl::StrCat("((attributes ->> '", key, "')::double precision)");
    case Type::kBool:
      return absl::StrCat("((attributes ->> '", key, "')::boolean)");
    case Type::kKeywordList:
      return absl::StrCat("(attributes -> '", key, "')");
  }
  return "NULL";
}

const char* ComparisonSymbol(Operator op) {
  switch (op) {
    case Operator::kEqual:
      return " = ";
    case Operator::kNotEqual:
      return " <> ";
    case Operator::kLess:
      return " < ";
    case Operator::kLessOrEqual:
      return " <= ";
    case Operator::kGreater:
      return " > ";
    case Operator::kGreaterOrEqual:
      return " >= ";
    case Operator::kIn:
    case Operator::kNotIn:
    case Operator::kBetween:
    case Operator::kNotBetween:
    case Operator::kStartsWith:
    case Operator::kNotStartsWith:
    case Operator::kIsNull:
    case Operator::kIsNotNull:
      break;
  }
  return " = ";
}

bool IsNegated(Operator op) {
  return op == Operator::kNotEqual || op == Operator::kNotIn || op == Operator::kNotBetween ||
         op == Operator::kNotStartsWith;
}

bool IsOpen(const Value& value) {
  const auto* status = std::get_if<int64_t>(&value);
  return status != nullptr && IsOpenStatus(*status);
}

// Where in the order of lists are the rows of which the filter can be true?
enum class Part { kBoth, kOpen, kClosed };

Part PartOfComparison(const Expression& e) {
  if (!e.field.is_system) return Part::kBoth;
  if (e.field.name == "ExecutionStatus" && (e.op == Operator::kEqual || e.op == Operator::kIn)) {
    const auto open = std::count_if(e.values.begin(), e.values.end(), IsOpen);
    if (open == 0) return Part::kClosed;
    return open == static_cast<std::ptrdiff_t>(e.values.size()) ? Part::kOpen : Part::kBoth;
  }
  const bool is_set_at_close = e.field.name == "CloseTime" || e.field.name == "HistoryLength" ||
                               e.field.name == "HistorySizeBytes" ||
                               e.field.name == "StateTransitionCount" ||
                               e.field.name == "ExecutionDuration";
  if (!is_set_at_close) return Part::kBoth;
  if (e.op != Operator::kIsNull) return Part::kClosed;
  return e.field.name == "CloseTime" ? Part::kOpen : Part::kBoth;
}

Part PartOf(const Expression& expression) {
  if (expression.kind == Expression::Kind::kComparison) return PartOfComparison(expression);
  if (expression.kind != Expression::Kind::kAnd) return Part::kBoth;
  for (const auto& operand : expression.operands) {
    const Part part = PartOf(*operand);
    if (part != Part::kBoth) return part;
  }
  return Part::kBoth;
}

// Whether the filter can be true only of workflow ids that it names, whole or by how they begin.
bool NamesWorkflows(const Expression& filter) {
  const auto names = [](const auto& operand) { return NamesWorkflows(*operand); };
  switch (filter.kind) {
    case Expression::Kind::kAnd:
      return std::any_of(filter.operands.begin(), filter.operands.end(), names);
    case Expression::Kind::kOr:
      return std::all_of(filter.operands.begin(), filter.operands.end(), names);
    case Expression::Kind::kNot:
      return false;
    case Expression::Kind::kComparison:
      return filter.field.is_system && filter.field.name == "WorkflowId" &&
             (filter.op == Operator::kEqual || filter.op == Operator::kIn ||
              filter.op == Operator::kStartsWith);
  }
  return false;
}

class Compiler {
 public:
  Compiler(base::NamespaceNumber namespace_number, Dialect dialect, int first_parameter)
      : namespace_number_(namespace_number), dialect_(dialect), next_parameter_(first_parameter) {}

  // The parser bounds the depth (query/parser.h).
  std::string Compile(const Expression& expression) {
    switch (expression.kind) {
      case Expression::Kind::kAnd:
        return Join(expression, " AND ");
      case Expression::Kind::kOr:
        return Join(expression, " OR ");
      case Expression::Kind::kNot:
        return absl::StrCat("(NOT ", Compile(*expression.operands[0]), ")");
      case Expression::Kind::kComparison:
        return Comparison(expression);
    }
    return "FALSE";
  }

  std::vector<Value> TakeParameters() { return std::move(parameters_); }

 private:
  // Halves, each in parentheses: a long chain would be a tree as deep as it is long, which SQLite
  // refuses.
  std::string Join(const Expression& expression, const char* separator) {
    std::vector<std::string> parts;
    for (const auto& operand : expression.operands) parts.push_back(Compile(*operand));
    return Balanced(parts, 0, parts.size(), separator);
  }
  static std::string Balanced(const std::vector<std::string>& parts, size_t begin, size_t end,
                              const char* separator) {
    if (end - begin == 1) return parts[begin];
    const size_t middle = begin + (end - begin) / 2;
    return absl::StrCat("(", Balanced(parts, begin, middle, separator), separator,
                        Balanced(parts, middle, end, separator), ")");
  }

  // SQLite finds a workflow's runs by an index of executions: one of visibility's own would take
  // another page of the log with each new run.
  std::string Comparison(const Expression& e) {
    if (dialect_ == Dialect::kPostgres || !NamesWorkflows(e)) return Clause(e);
    const std::string place = Bind(int64_t{namespace_number_.value()});
    return absl::StrCat("(key IN (SELECT key FROM executions WHERE namespace_number = ", place,
                        " AND ", Clause(e), "))");
  }

  std::string Clause(const Expression& e) {
    const std::string column = e.field.is_system
                                   ? SystemColumn(e.field.name, dialect_)
                                   : AttributeColumn(e.field.name, e.field.type, dialect_);
    if (e.op == Operator::kIsNull) return IsNull(e, column);
    if (e.op == Operator::kIsNotNull) return absl::StrCat("(", column, " IS NOT NULL)");
    if (e.field.type == Type::kKeywordList) return ListMembership(e, column);
    if (e.field.type == Type::kText) return TextMatch(e, column);
    switch (e.op) {
      case Operator::kIn:
      case Operator::kNotIn:
        return In(e, column);
      case Operator::kBetween:
      case Operator::kNotBetween: {
        const std::string from = Bind(e.values[0]);
        const std::string to = Bind(e.values[1]);
        return Negatable(e, absl::StrCat(Operand(e, column), " BETWEEN ", from, " AND ", to));
      }
      case Operator::kStartsWith:
      case Operator::kNotStartsWith:
        return Negatable(e, StartsWith(column, std::get<std::string>(e.values[0])));
      case Operator::kEqual:
        if (NamesWorkflows(e) && dialect_ == Dialect::kPostgres) return WorkflowIs(e);
        break;
      case Operator::kNotEqual:
      case Operator::kLess:
      case Operator::kLessOrEqual:
      case Operator::kGreater:
      case Operator::kGreaterOrEqual:
      case Operator::kIsNull:
      case Operator::kIsNotNull:
        break;
    }
    return absl::StrCat("(", Operand(e, column), ComparisonSymbol(e.op), Bind(e.values[0]), ")");
  }

  // PostgreSQL guesses that an expression is almost never null, and then plans for a handful of
  // rows; that a key is absent, which is the same, it takes for common. Partial indexes say it in
  // these words (migrations/postgres/0004_lists.sql).
  std::string IsNull(const Expression& e, const std::string& column) const {
    if (dialect_ == Dialect::kSqlite || e.field.is_system) {
      return absl::StrCat("(", column, " IS NULL)");
    }
    return absl::StrCat("((attributes ? '", QuotableKey(e.field.name, e.field.type),
                        "') IS NOT TRUE)");
  }

  // An integer compared with a fraction compares as a double in every store.
  std::string Operand(const Expression& e, const std::string& column) const {
    const bool has_fraction = std::any_of(e.values.begin(), e.values.end(), [](const Value& value) {
      return std::holds_alternative<double>(value);
    });
    if (e.field.type != Type::kInt || !has_fraction) return column;
    return absl::StrCat("CAST(", column,
                        dialect_ == Dialect::kPostgres ? " AS double precision)" : " AS REAL)");
  }

  std::string Negatable(const Expression& e, const std::string& clause) const {
    return absl::StrCat(IsNegated(e.op) ? "(NOT (" : "((", clause, "))");
  }

  std::string In(const Expression& e, const std::string& column) {
    std::vector<std::string> places;
    for (const Value& value : e.values) places.push_back(Bind(value));
    return Negatable(e,
                     absl::StrCat(Operand(e, column), " IN (", absl::StrJoin(places, ", "), ")"));
  }

  // A range, so that an index can serve it.
  std::string StartsWith(const std::string& column, const std::string& prefix) {
    const std::string end = query::PrefixEnd(prefix);
    std::string clause = absl::StrCat(column, " >= ", Bind(prefix));
    if (!end.empty()) absl::StrAppend(&clause, " AND ", column, " < ", Bind(end));
    return clause;
  }

  // The shard is known from the workflow id, so the clustering key helps on a distributed database.
  std::string WorkflowIs(const Expression& e) {
    const std::string& id = std::get<std::string>(e.values[0]);
    const int64_t shard = base::ShardOf(namespace_number_, id).value();
    const std::string place = Bind(id);
    return absl::StrCat("(workflow_id = ", place, " AND shard_id = ", Bind(shard), ")");
  }

  std::string ListMembership(const Expression& e, const std::string& column) {
    std::vector<std::string> places;
    for (const Value& value : e.values) places.push_back(Bind(value));
    const std::string all = absl::StrJoin(places, ", ");
    if (dialect_ == Dialect::kPostgres) {
      return Negatable(e, absl::StrCat(column, " ?| ARRAY[", all, "]"));
    }
    // EXISTS is never null, a comparison with null must be.
    const std::string member =
        absl::StrCat("EXISTS (SELECT 1 FROM json_each(", column, ") WHERE value IN (", all, "))");
    return absl::StrCat("(CASE WHEN ", column, " IS NOT NULL THEN ", Negatable(e, member), " END)");
  }

  std::string TextMatch(const Expression& e, const std::string& column) {
    const std::vector<std::string> tokens = query::Tokenize(std::get<std::string>(e.values[0]));
    if (dialect_ == Dialect::kSqlite) {
      const std::string place = Bind(absl::StrJoin(tokens, " "));
      return Negatable(e, absl::StrCat("has_any_token(", column, ", ", place, ")"));
    }
    std::vector<std::string> places;
    for (const std::string& token : tokens) places.push_back(Bind(token));
    return Negatable(e, absl::StrCat("text_tokens(", column, ") && ARRAY[",
                                     absl::StrJoin(places, ", "), "]::text[]"));
  }

  std::string Bind(const Value& value) {
    Value bound = value;
    if (const auto* time = std::get_if<absl::Time>(&value)) bound = absl::ToUnixMicros(*time);
    const size_t kind = bound.index();
    parameters_.push_back(std::move(bound));
    const int number = next_parameter_++;
    if (dialect_ == Dialect::kSqlite) return absl::StrCat("?", number);
    const char* type = kind == Value(false).index()        ? "boolean"
                       : kind == Value(int64_t{0}).index() ? "bigint"
                       : kind == Value(double{0}).index()  ? "double precision"
                                                           : "text";
    return absl::StrCat("$", number, "::", type);
  }

  base::NamespaceNumber namespace_number_;
  Dialect dialect_;
  int next_parameter_;
  std::vector<Value> parameters_;
};

}  // namespace

SqlFilter CompileFilter(const Expression* filter, base::NamespaceNumber namespace_number,
                        Dialect dialect, int first_parameter) {
  if (filter == nullptr) return SqlFilter{"TRUE", {}};
  Compiler compiler(namespace_number, dialect, first_parameter);
  std::string where = compiler.Compile(*filter);
  return SqlFilter{std::move(where), compiler.TakeParameters()};
}

std::string NamespaceInSqlite(const Expression* filter) {
  const bool is_by_key = filter != nullptr && NamesWorkflows(*filter);
  return is_by_key ? "+namespace_number = ?1 AND " : "namespace_number = ?1 AND ";
}

std::string PartOfOrder(const Expression* filter) {
  switch (filter == nullptr ? Part::kBoth : PartOf(*filter)) {
    case Part::kBoth:
      return "";
    case Part::kOpen:
      // Not =, with which SQLite would sort by the rest of the order rather than read in it.
      return "coalesce(close_time_us, 9223372036854775807) >= 9223372036854775807 AND ";
    case Part::kClosed:
      return "coalesce(close_time_us, 9223372036854775807) < 9223372036854775807 AND ";
  }
  return "";
}

std::string GroupExpression(const std::string& field_name, Dialect dialect) {
  if (query::SystemFields().count(field_name) > 0) return SystemColumn(field_name, dialect);
  return AttributeColumn(field_name, Type::kKeyword, dialect);
}

std::string CreateAttributeIndex(const std::string& name, Type type, Dialect dialect,
                                 const std::string& options) {
  const bool is_word_index = type == Type::kText || type == Type::kKeywordList;
  if (dialect == Dialect::kSqlite && is_word_index) return "";
  const std::string column = AttributeColumn(name, type, dialect);
  const std::string start = absl::StrCat("CREATE INDEX ", options, " ",
                                         AttributeIndexName(name, type), " ON visibility ");
  const std::string where = absl::StrCat(" WHERE ", column, " IS NOT NULL");
  if (type == Type::kText) {
    return absl::StrCat(start, "USING gin (text_tokens(", column, "))", where);
  }
  if (type == Type::kKeywordList) return absl::StrCat(start, "USING gin (", column, ")", where);
  return absl::StrCat(start, "(namespace_number, ", column, ")", where);
}

}  // namespace perdure::store::sql
