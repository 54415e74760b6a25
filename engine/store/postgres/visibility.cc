#include <utility>

#include "absl/strings/str_cat.h"
#include "store/checks.h"
#include "store/postgres/reads.h"
#include "store/sql/attributes.h"
#include "store/sql/filter_sql.h"

namespace perdure::store::postgres {
namespace {

constexpr char kListColumns[] =
    "SELECT workflow_id, run_id, status, start_time_us, execution_time_us, close_time_us,"
    " history_length, history_size_bytes, state_transition_count, workflow_type, task_queue,"
    " parent_workflow_id, parent_run_id, root_workflow_id, root_run_id, attributes::text, memo"
    " FROM visibility WHERE namespace_number = $1::integer AND ";
constexpr char kAfterPosition[] =
    "coalesce(close_time_us, 9223372036854775807) <= $2::bigint AND"
    " (coalesce(close_time_us, 9223372036854775807) < $2::bigint OR start_time_us < $3::bigint OR"
    " (start_time_us = $3::bigint AND run_id > $4::uuid)) AND ";
constexpr char kListOrder[] =
    " ORDER BY coalesce(close_time_us, 9223372036854775807) DESC, start_time_us DESC, run_id"
    " LIMIT ";

void AddParameters(Parameters& parameters, const std::vector<query::Value>& values) {
  for (const query::Value& value : values) {
    if (const auto* flag = std::get_if<bool>(&value)) parameters.Bool(*flag);
    if (const auto* integer = std::get_if<int64_t>(&value)) parameters.Int64(*integer);
    if (const auto* number = std::get_if<double>(&value)) parameters.Double(*number);
    if (const auto* text = std::get_if<std::string>(&value)) parameters.Bytes(*text);
  }
}

absl::StatusOr<ListedExecution> TakeListed(const Rows& rows, int i) {
  const auto text = [&rows, i](int column) { return rows.Bytes(i, column); };
  const auto number = [&rows, i](int column) {
    return rows.IsNull(i, column) ? 0 : rows.Int(i, column);
  };
  // The run itself; NULL is none.
  const auto is_own_root = [&rows, i](int column) {
    return !rows.IsNull(i, column) && rows.Bytes(i, column).empty();
  };
  ListedExecution listed;
  listed.workflow_id = WorkflowId(text(0));
  listed.run_id = RunIdFromBytes(text(1));
  VisibilityRow& row = listed.row;
  row.status = static_cast<int32_t>(number(2));
  row.start_time = absl::FromUnixMicros(number(3));
  row.execution_time = absl::FromUnixMicros(number(4));
  if (!rows.IsNull(i, 5)) row.close_time = absl::FromUnixMicros(number(5));
  row.history_length = number(6);
  row.history_size_bytes = number(7);
  row.state_transition_count = number(8);
  row.workflow_type = text(9);
  row.task_queue = text(10);
  row.parent_workflow_id = text(11);
  row.parent_run_id = text(12);
  row.root_workflow_id = is_own_root(13) ? listed.workflow_id.value() : text(13);
  row.root_run_id = is_own_root(14) ? listed.run_id.value() : text(14);
  auto attributes = sql::DecodeAttributes(text(15));
  if (!attributes.ok()) return attributes.status();
  row.search_attributes = *std::move(attributes);
  row.memo = text(16);
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

absl::StatusOr<Select> SelectOf(const ListQuery& list) {
  Parameters parameters;
  parameters.Int32(list.namespace_number.value());
  const bool is_first_page = list.page_token.empty();
  if (!is_first_page) {
    const auto after = DecodePageToken(list.page_token);
    if (!after.ok()) return after.status();
    parameters.Int64(after->close_time_us).Int64(after->start_time_us).Bytes(after->run_id);
  }
  const sql::SqlFilter filter = sql::CompileFilter(list.filter.get(), list.namespace_number,
                                                   sql::Dialect::kPostgres, parameters.count() + 1);
  AddParameters(parameters, filter.parameters);
  // One row more than asked for tells whether there is another page.
  return Select{absl::StrCat(kListColumns, is_first_page ? "" : kAfterPosition,
                             sql::PartOfOrder(list.filter.get()), filter.where, kListOrder,
                             list.page_size + 1),
                std::move(parameters)};
}

Select SelectOf(const CountQuery& count) {
  const sql::SqlFilter filter =
      sql::CompileFilter(count.filter.get(), count.namespace_number, sql::Dialect::kPostgres, 2);
  const bool is_grouped = !count.group_by.empty();
  const std::string group =
      !is_grouped ? "NULL"
                  : absl::StrCat(sql::GroupExpression(count.group_by, sql::Dialect::kPostgres),
                                 count.group_by == "ExecutionStatus" ? "::bigint" : "");
  Parameters parameters;
  parameters.Int32(count.namespace_number.value());
  AddParameters(parameters, filter.parameters);
  return {
      absl::StrCat("SELECT count(*), ", group,
                   " AS grouped FROM visibility WHERE namespace_number = $1::integer AND ",
                   filter.where, is_grouped ? " GROUP BY 2 ORDER BY 1 DESC, 2 NULLS FIRST" : ""),
      std::move(parameters)};
}

absl::StatusOr<ListPage> List(Connection& connection, const ListQuery& list) {
  const auto select = SelectOf(list);
  if (!select.ok()) return select.status();
  const auto rows = connection.RunOnce(select->sql, select->parameters);
  if (!rows.ok()) return rows.status();
  ListPage page;
  for (int i = 0; i < rows->size(); ++i) {
    if (i == list.page_size) {
      page.next_page_token = EncodePageToken(PositionOf(page.executions.back()));
      break;
    }
    auto listed = TakeListed(*rows, i);
    if (!listed.ok()) return listed.status();
    page.executions.push_back(*std::move(listed));
  }
  return page;
}

absl::StatusOr<CountResult> Count(Connection& connection, const CountQuery& count) {
  const Select select = SelectOf(count);
  const auto rows = connection.RunOnce(select.sql, select.parameters);
  if (!rows.ok()) return rows.status();
  CountResult result;
  for (int i = 0; i < rows->size(); ++i) {
    result.total += rows->Int(i, 0);
    if (count.group_by.empty()) continue;
    CountResult::Group& entry = result.groups.emplace_back();
    entry.count = rows->Int(i, 0);
    if (rows->IsNull(i, 1)) continue;
    if (count.group_by == "ExecutionStatus") {
      entry.value = rows->Int(i, 1);
    } else {
      entry.value = rows->Bytes(i, 1);
    }
  }
  return result;
}

}  // namespace perdure::store::postgres
