// Search attributes as they stand in the `attributes` column: a JSON object whose keys carry the
// type of their value, so that a reader needs no registry and an index never meets another type.
// The format is described in docs/formats.md. Pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "query/filter.h"

namespace perdure::store::sql {

// The letter before the name: s, i, d, b, t or l. Text and Keyword share s.
char TypeTag(query::Type type);
// "s:Name".
std::string AttributeKey(const std::string& name, query::Type type);
// Identifies the index of an attribute: stable, short enough for an identifier, [a-z0-9_] only.
std::string AttributeIndexName(const std::string& name, query::Type type);

// Empty for no attributes. Nulls are left out.
std::string EncodeAttributes(const std::map<std::string, query::Value>& attributes);
// DATA_LOSS if the text is not what Encode writes (whitespace and order of keys aside).
absl::StatusOr<std::map<std::string, query::Value>> DecodeAttributes(absl::string_view json);

}  // namespace perdure::store::sql
