// The registry of namespaces as everyone sees it: immutable snapshots, replaced when something
// changes.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "base/limits.h"
#include "perdure/store/v1/namespace.pb.h"

namespace perdure::services {

// temporal.api.enums.v1.IndexedValueType by attribute name; custom attributes of one namespace.
using SearchAttributeTypes = std::map<std::string, int>;

using Limits = base::Limits;

struct Namespace {
  base::NamespaceNumber number;
  std::string id;  // UUID
  std::string name;
  int64_t version = 0;
  perdure::store::v1::NamespaceData data;
  absl::Duration retention;
  SearchAttributeTypes search_attributes;
  Limits limits;
};
using NamespacePtr = std::shared_ptr<const Namespace>;

// Thread-safe. Reads never block on I/O: the registry is loaded at start and after every change.
class Namespaces {
 public:
  virtual ~Namespaces() = default;
  // NamespaceNotFound if there is none. FindAny takes a name or an id.
  virtual absl::StatusOr<NamespacePtr> Find(absl::string_view name) const = 0;
  virtual absl::StatusOr<NamespacePtr> FindById(absl::string_view id) const = 0;
  virtual NamespacePtr FindByNumber(base::NamespaceNumber number) const = 0;  // null if none
  virtual std::vector<NamespacePtr> All() const = 0;
};

}  // namespace perdure::services
