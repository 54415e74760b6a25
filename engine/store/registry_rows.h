// The rows of the registry: namespaces and their search attributes.
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.h"
#include "query/filter.h"

namespace perdure::store {

using base::NamespaceNumber;

struct NamespaceRow {
  NamespaceNumber number;
  std::string id;       // UUID
  std::string name;     // unique
  std::string data;     // serialized perdure.store.v1.NamespaceData
  int64_t version = 0;  // rises by one with each update; an update states the version it read
};

struct SearchAttributeRow {
  NamespaceNumber namespace_number;
  std::string name;
  query::Type type = query::Type::kKeyword;
};

}  // namespace perdure::store
