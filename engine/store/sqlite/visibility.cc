#include <utility>

#include "absl/strings/str_cat.h"
#include "store/checks.h"
#include "store/sql/attributes.h"
#include "store/sql/filter_sql.h"
#include "store/sqlite/reads.h"

namespace perdure::store::sqlite {
namespace {

constexpr char kListColumns[] =
    "SELECT workflow_id, run_id, status, start_time_us, execution_time_us, close_time_us,"
    " history_length, history_size_bytes, state_transition_count, workflow_type, task_queue,"
    " parent_workflow_id, parent_run_id, root_workflow_id, root_run_id, attributes, memo"
    " FROM visibility WHERE ";
// The expression must be the index's own, or SQLite does not see that the index serves the order.
constexpr char kAfterPosition[] =
    "coalesce(close_time_us, 9223372036854775807) <= ?2 AND"
    " (coalesce(close_time_us, 9223372036854775807) < ?2 OR start_time_us < ?3 OR"
    " (start_time_us = ?3 AND run_id > ?4)) AND ";
constexpr char kListOrder[] =
    " ORDER BY coalesce(close_time_us, 9223372036854775807) DESC, start_time_us DESC, run_id"
    " LIMIT ";

void BindParameters(Query& query, const std::vector<query::Value>& parameters) {
  for (const query::Value& value : parameters) {
    if (const auto* flag = std::get_if<bool>(&value)) query.Bind(*flag);
    if (const auto* integer = std::get_if<int64_t>(&value)) query.Bind(*integer);
    if (const auto* number = std::get_if<double>(&value)) query.Bind(*number);
    if (const auto* text = std::get_if<std::string>(&value)) query.Bind(*text);
  }
}

absl::StatusOr<ListedExecution> TakeListed(const Query& query) {
  ListedExecution listed;
  listed.workflow_id = WorkflowId(query.Text(0));
  listed.run_id = RunIdFromBytes(query.Text(1));
  VisibilityRow& row = listed.row;
  row.status = static_cast<int32_t>(query.Int64(2));
  row.start_time = absl::FromUnixMicros(query.Int64(3));
  row.execution_time = absl::FromUnixMicros(query.Int64(4));
  if (!query.IsNull(5)) row.close_time = absl::FromUnixMicros(query.Int64(5));
  row.history_length = query.Int64(6);
  row.history_size_bytes = query.Int64(7);
  row.state_transition_count = query.Int64(8);
  row.workflow_type = query.Text(9);
  row.task_queue = query.Text(10);
  row.parent_workflow_id = query.Text(11);
  row.parent_run_id = query.Text(12);
  row.root_workflow_id = query.Text(13);
  row.root_run_id = query.Text(14);
  auto attributes = sql::DecodeAttributes(query.Text(15));
  if (!attributes.ok()) return attributes.status();
  row.search_attributes = *std::move(attributes);
  row.memo = query.Text(16);
  return listed;
}

PagePosition PositionOf(const ListedExecution& listed) {
  PagePosition position;
  position.close_time_us =
      listed.row.close_time ? absl::ToUnixMicros(*listed.row.close_time) : kOpenCloseTime;
  position.start_time_us = absl::ToUnixMicros(listed.row.start_time);
  position.run_id = RunIdToBytes(listed.run_id).value_or("");
  return position;
}

}  // namespace

absl::StatusOr<ListPage> List(Connection& connection, const ListQuery& list) {
  PagePosition after;
  const bool is_first_page = list.page_token.empty();
  if (!is_first_page) {
    auto decoded = DecodePageToken(list.page_token);
    if (!decoded.ok()) return decoded.status();
    after = *std::move(decoded);
  }
  const sql::SqlFilter filter = sql::CompileFilter(list.filter.get(), list.namespace_number,
                                                   sql::Dialect::kSqlite, is_first_page ? 2 : 5);
  // One row more than asked for tells whether there is another page.
  const std::string text = absl::StrCat(
      kListColumns, sql::NamespaceInSqlite(list.filter.get()), is_first_page ? "" : kAfterPosition,
      sql::PartOfOrder(list.filter.get()), filter.where, kListOrder, list.page_size + 1);
  Query query(connection, text, Query::Lifetime::kOnce);
  query.Bind(list.namespace_number.value());
  if (!is_first_page) {
    query.Bind(after.close_time_us, after.start_time_us, Blob{after.run_id});
  }
  BindParameters(query, filter.parameters);
  ListPage page;
  while (query.Next()) {
    if (static_cast<int64_t>(page.executions.size()) == list.page_size) {
      page.next_page_token = EncodePageToken(PositionOf(page.executions.back()));
      break;
    }
    auto listed = TakeListed(query);
    if (!listed.ok()) return listed.status();
    page.executions.push_back(*std::move(listed));
  }
  if (!query.status().ok()) return query.status();
  return page;
}

absl::StatusOr<CountResult> Count(Connection& connection, const CountQuery& count) {
  const sql::SqlFilter filter =
      sql::CompileFilter(count.filter.get(), count.namespace_number, sql::Dialect::kSqlite, 2);
  const bool is_grouped = !count.group_by.empty();
  const std::string group =
      is_grouped ? sql::GroupExpression(count.group_by, sql::Dialect::kSqlite) : "NULL";
  const std::string text =
      absl::StrCat("SELECT count(*), ", group, " AS grouped FROM visibility WHERE ",
                   sql::NamespaceInSqlite(count.filter.get()), filter.where,
                   is_grouped ? " GROUP BY grouped ORDER BY 1 DESC, 2" : "");
  Query query(connection, text, Query::Lifetime::kOnce);
  query.Bind(count.namespace_number.value());
  BindParameters(query, filter.parameters);
  CountResult result;
  while (query.Next()) {
    const int64_t rows = query.Int64(0);
    result.total += rows;
    if (!is_grouped) continue;
    CountResult::Group& entry = result.groups.emplace_back();
    entry.count = rows;
    if (query.IsNull(1)) continue;
    if (count.group_by == "ExecutionStatus") {
      entry.value = query.Int64(1);
    } else {
      entry.value = query.Text(1);
    }
  }
  if (!query.status().ok()) return query.status();
  return result;
}

}  // namespace perdure::store::sqlite
