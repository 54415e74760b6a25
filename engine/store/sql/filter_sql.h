// Turns a checked filter into a WHERE clause with bound parameters, for either database; the only
// place, with the index definitions beside it, where SQL is put together.
//
// Both dialects give the same rows for the same filter (store/contract_filters.cc): strings compare
// by bytes, null is neither equal nor unequal to anything, times are microseconds, Text matches by
// query/tokens.h. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "base/ids.h"
#include "query/filter.h"

namespace perdure::store::sql {

enum class Dialect { kPostgres, kSqlite };

// A clause over the columns of `visibility`, and the parameters it refers to ($3 or ?3), in order.
// Parameters are only bool, int64_t, double or string.
struct SqlFilter {
  std::string where;
  std::vector<query::Value> parameters;
};

// `first_parameter` is the number of the first parameter the clause may use. A null filter gives
// "TRUE".
SqlFilter CompileFilter(const query::Expression* filter, base::NamespaceNumber namespace_number,
                        Dialect dialect, int first_parameter);

// What a list or count of SQLite's has before the filter. Workflows that the filter names are found
// by their keys; a + then keeps SQLite from reading all of the namespace in order instead.
std::string NamespaceInSqlite(const query::Expression* filter);

// A clause that follows from the filter and ends with AND, or nothing: lists go through open runs,
// then closed ones, and one that can only show closed runs should not begin with all that are open.
// For lists alone: a count that reads nothing but an index has no use for it.
std::string PartOfOrder(const query::Expression* filter);

// What a count is grouped by: ExecutionStatus gives integers, other Keyword fields text or NULL.
std::string GroupExpression(const std::string& field_name, Dialect dialect);

// The index that serves filters on an attribute; empty where the database has none for the type.
// `CREATE INDEX` is followed by `options` ("CONCURRENTLY IF NOT EXISTS").
std::string CreateAttributeIndex(const std::string& name, query::Type type, Dialect dialect,
                                 const std::string& options);

}  // namespace perdure::store::sql
