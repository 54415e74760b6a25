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
#include "perdure/store/v1/namespace.pb.h"

namespace perdure::services {

// temporal.api.enums.v1.IndexedValueType by attribute name; custom attributes of one namespace.
using SearchAttributeTypes = std::map<std::string, int>;

// Limits as temporal-semantics lists them; settings give the defaults, a namespace may override.
struct Limits {
  int64_t blob_size_bytes = 2 << 20;
  int64_t memo_size_bytes = 2 << 20;
  int64_t history_size_bytes = 50 << 20;
  int64_t history_size_suggest_bytes = 4 << 20;
  int64_t history_count = 51200;
  int64_t history_count_suggest = 4096;
  int64_t pending_activities = 2000;
  int64_t pending_children = 2000;
  int64_t pending_signals = 2000;
  int64_t pending_cancels = 2000;
  int64_t signals_per_execution = 10000;
  int64_t updates_in_flight = 10;
  int64_t updates_total = 2000;
  int64_t buffered_events = 100;
  int64_t buffered_bytes = 2 << 20;
  int64_t buffered_queries = 1;
  int64_t id_length = 1000;
  int64_t search_attribute_keys = 100;
  int64_t search_attribute_value_bytes = 2 << 10;
  int64_t search_attribute_total_bytes = 40 << 10;
  int64_t callbacks_per_execution = 32;
  int64_t links_per_request = 10;
  int64_t link_size_bytes = 4000;
  int64_t list_page_size = 1000;
  int64_t history_page_size = 256;
  int64_t history_page_bytes = 2 << 20;
  absl::Duration workflow_task_timeout = absl::Seconds(10);
  absl::Duration workflow_task_timeout_max = absl::Seconds(120);
  absl::Duration workflow_task_heartbeat_max = absl::Minutes(30);
  absl::Duration workflow_id_reuse_interval = absl::Seconds(1);
  absl::Duration long_poll_interval = absl::Seconds(20);
};

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
