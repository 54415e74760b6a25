#include "frontend/namespace_registry.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/log.h"
#include "frontend/in_order.h"
#include "frontend/limits.h"
#include "frontend/wire_time.h"
#include "query/attributes.h"
#include "temporal/api/enums/v1/common.pb.h"

namespace perdure::frontend {
namespace {

namespace enums = temporal::api::enums::v1;
using services::NamespacePtr;
using store::NamespaceRow;
using store::SearchAttributeRow;

// Changes that other nodes make are told by the heartbeat; this is for when reading them failed.
constexpr absl::Duration kRefreshInterval = absl::Minutes(1);

services::Limits LimitsOf(const base::Settings& cluster, const std::string& name,
                          const perdure::store::v1::NamespaceData& data) {
  if (data.setting_overrides().empty()) return LimitsFrom(cluster);
  base::Settings settings = cluster;
  for (const auto& [setting, text] : data.setting_overrides()) {
    const absl::Status status = settings.Set(setting, text, absl::StrCat("namespace ", name));
    if (!status.ok()) {
      base::LogWarning("setting of a namespace ignored", {{"namespace", name}, {"error", status}});
    }
  }
  return LimitsFrom(settings);
}

}  // namespace

NamespaceRegistry::NamespaceRegistry(store::Store& store, runtime::Loop& loop,
                                     const base::Settings& settings, UuidSource& uuids)
    : store_(store),
      loop_(loop),
      settings_(settings),
      uuids_(uuids),
      snapshot_(std::make_shared<const Snapshot>()) {}

NamespaceRegistry::~NamespaceRegistry() = default;

void NamespaceRegistry::Start(Wanted wanted, store::Done done) {
  Reload([this, wanted = std::move(wanted), done = std::move(done)](absl::Status loaded) mutable {
    if (!loaded.ok()) {
      std::move(done)(std::move(loaded));
      return;
    }
    CreateWanted(std::move(wanted), [this, done = std::move(done)](absl::Status status) mutable {
      if (status.ok()) RefreshLater();
      std::move(done)(std::move(status));
    });
  });
}

void NamespaceRegistry::CreateWanted(Wanted wanted, store::Done done) {
  const auto ensure = [this, attributes = std::move(wanted.search_attributes)](
                          const std::string& name, store::Done next) {
    auto add_attributes = [this, attributes,
                           next = std::move(next)](absl::StatusOr<NamespacePtr> created) mutable {
      if (!created.ok()) {
        std::move(next)(created.status());
        return;
      }
      services::SearchAttributeTypes missing;
      for (const auto& [attribute, type] : attributes) {
        const auto known = (*created)->search_attributes.find(attribute);
        const bool is_known = known != (*created)->search_attributes.end();
        if (!is_known || known->second != type) missing[attribute] = type;
      }
      AddSearchAttributes(*std::move(created), std::move(missing), std::move(next));
    };
    if (absl::StatusOr<NamespacePtr> found = Find(name); found.ok()) {
      add_attributes(std::move(found));
      return;
    }
    perdure::store::v1::NamespaceData data;
    data.set_state(enums::NAMESPACE_STATE_REGISTERED);
    *data.mutable_retention() = ToProto(settings_.Duration(base::SettingId::kRetentionDefault));
    *data.mutable_created_time() = ToProto(loop_.Now());
    // Nodes that start together want the same: who comes second takes what the first has made.
    Create(name, std::move(data),
           [this, name, add_attributes = std::move(add_attributes)](
               absl::StatusOr<NamespacePtr> created) mutable {
             if (!absl::IsAlreadyExists(created.status())) {
               add_attributes(std::move(created));
               return;
             }
             Reload([this, name,
                     add_attributes = std::move(add_attributes)](absl::Status reloaded) mutable {
               add_attributes(reloaded.ok() ? Find(name) : std::move(reloaded));
             });
           });
  };
  RunInOrder<std::string>(std::move(wanted.names), ensure, std::move(done));
}

void NamespaceRegistry::Reload(store::Done done) {
  int64_t sequence = 0;
  {
    absl::MutexLock lock(&mutex_);
    sequence = ++reloads_begun_;
  }
  store_.ListNamespaces([this, sequence, done = std::move(done)](
                            absl::StatusOr<std::vector<NamespaceRow>> rows) mutable {
    if (!rows.ok()) {
      std::move(done)(rows.status());
      return;
    }
    store_.ListSearchAttributes(
        [this, sequence, rows = *std::move(rows), done = std::move(done)](
            absl::StatusOr<std::vector<SearchAttributeRow>> attributes) mutable {
          if (!attributes.ok()) {
            std::move(done)(attributes.status());
            return;
          }
          Install(sequence, MakeSnapshot(std::move(rows), *attributes));
          std::move(done)(absl::OkStatus());
        });
  });
}

std::shared_ptr<const NamespaceRegistry::Snapshot> NamespaceRegistry::MakeSnapshot(
    std::vector<NamespaceRow> rows, const std::vector<SearchAttributeRow>& attributes) const {
  std::map<base::NamespaceNumber, services::SearchAttributeTypes> types;
  for (const SearchAttributeRow& attribute : attributes) {
    types[attribute.namespace_number][attribute.name] = query::TypeToWire(attribute.type);
  }
  auto snapshot = std::make_shared<Snapshot>();
  for (NamespaceRow& row : rows) {
    auto name_space = std::make_shared<services::Namespace>();
    name_space->number = row.number;
    name_space->id = std::move(row.id);
    name_space->name = std::move(row.name);
    name_space->version = row.version;
    if (!name_space->data.ParseFromString(row.data)) {
      base::LogError("namespace with unreadable data left out", {{"namespace", name_space->name}});
      continue;
    }
    name_space->retention = FromProto(name_space->data.retention());
    name_space->search_attributes = std::move(types[name_space->number]);
    const auto own = settings_of_.find(name_space->name);
    name_space->limits = LimitsOf(own == settings_of_.end() ? settings_ : own->second,
                                  name_space->name, name_space->data);
    snapshot->by_number[name_space->number] = name_space;
    snapshot->by_name[name_space->name] = name_space;
    snapshot->by_id[name_space->id] = name_space;
  }
  return snapshot;
}

void NamespaceRegistry::Install(int64_t sequence, std::shared_ptr<const Snapshot> snapshot) {
  absl::MutexLock lock(&mutex_);
  if (sequence <= reload_shown_) return;
  reload_shown_ = sequence;
  snapshot_ = std::move(snapshot);
}

void NamespaceRegistry::RefreshLater() {
  const runtime::TimerId timer = loop_.AtLeisure(kRefreshInterval, [this] {
    Reload([this](absl::Status status) {
      if (absl::IsCancelled(status)) return;  // the store is closing
      if (!status.ok()) base::LogWarning("namespaces not refreshed", {{"error", status}});
      RefreshLater();
    });
  });
  absl::MutexLock lock(&mutex_);
  refresh_timer_ = timer;
}

absl::StatusOr<NamespacePtr> NamespaceRegistry::Find(absl::string_view name) const {
  const auto current = snapshot();
  const auto found = current->by_name.find(name);
  if (found == current->by_name.end()) return base::NamespaceNotFound(name);
  return found->second;
}

absl::StatusOr<NamespacePtr> NamespaceRegistry::FindById(absl::string_view id) const {
  const auto current = snapshot();
  const auto found = current->by_id.find(id);
  if (found == current->by_id.end()) return base::NamespaceNotFound(id);
  return found->second;
}

NamespacePtr NamespaceRegistry::FindByNumber(base::NamespaceNumber number) const {
  const auto current = snapshot();
  const auto found = current->by_number.find(number);
  return found == current->by_number.end() ? nullptr : found->second;
}

std::vector<NamespacePtr> NamespaceRegistry::All() const {
  std::vector<NamespacePtr> all;
  for (const auto& [number, name_space] : snapshot()->by_number) all.push_back(name_space);
  return all;
}

void NamespaceRegistry::ReloadThenFind(base::NamespaceNumber number,
                                       store::Result<NamespacePtr> result) {
  Reload([this, number, result = std::move(result)](absl::Status status) mutable {
    if (!status.ok()) {
      std::move(result)(std::move(status));
      return;
    }
    NamespacePtr found = FindByNumber(number);
    if (found == nullptr) {
      std::move(result)(base::Unavailable("The namespace was deleted meanwhile."));
      return;
    }
    std::move(result)(std::move(found));
  });
}

void NamespaceRegistry::Create(std::string name, perdure::store::v1::NamespaceData data,
                               store::Result<NamespacePtr> result) {
  NamespaceRow row;
  row.id = uuids_.Next();
  row.name = name;
  row.data = data.SerializeAsString();
  store_.CreateNamespace(std::move(row), [this, name = std::move(name), result = std::move(result)](
                                             absl::StatusOr<NamespaceRow> created) mutable {
    if (absl::IsAlreadyExists(created.status())) {
      std::move(result)(
          base::NamespaceAlreadyExists(absl::StrCat("Namespace \"", name, "\" already exists")));
      return;
    }
    if (!created.ok()) {
      std::move(result)(created.status());
      return;
    }
    base::LogInfo("namespace created", {{"namespace", name}});
    ReloadThenFind(created->number, std::move(result));
  });
}

void NamespaceRegistry::Update(NamespacePtr former, std::string name,
                               perdure::store::v1::NamespaceData data,
                               store::Result<NamespacePtr> result) {
  NamespaceRow row;
  row.number = former->number;
  row.id = former->id;
  row.name = std::move(name);
  row.data = data.SerializeAsString();
  row.version = former->version;
  store_.UpdateNamespace(std::move(row), [this, result = std::move(result)](
                                             absl::StatusOr<NamespaceRow> updated) mutable {
    if (absl::IsAborted(updated.status()) || absl::IsFailedPrecondition(updated.status())) {
      // Read again first, so that the next try has a chance.
      Reload([result = std::move(result)](const absl::Status&) mutable {
        std::move(result)(
            base::Unavailable("The namespace was changed by somebody else meanwhile; try again."));
      });
      return;
    }
    if (!updated.ok()) {
      std::move(result)(updated.status());
      return;
    }
    ReloadThenFind(updated->number, std::move(result));
  });
}

void NamespaceRegistry::AddSearchAttributes(NamespacePtr name_space,
                                            services::SearchAttributeTypes attributes,
                                            store::Done done) {
  std::vector<SearchAttributeRow> rows;
  for (const auto& [name, indexed_type] : attributes) {
    SearchAttributeRow row;
    row.namespace_number = name_space->number;
    row.name = name;
    if (!query::TypeFromWire(indexed_type, row.type)) {
      std::move(done)(base::InvalidArgument(
          absl::StrCat("Unknown search attribute type: ", indexed_type, ".")));
      return;
    }
    rows.push_back(std::move(row));
  }
  const auto add = [this](const SearchAttributeRow& row, store::Done next) {
    store_.AddSearchAttribute(row, [name = row.name,
                                    next = std::move(next)](absl::Status status) mutable {
      if (absl::IsAlreadyExists(status)) {
        status =
            absl::AlreadyExistsError(absl::StrCat("Search attribute ", name, " already exists."));
      }
      std::move(next)(std::move(status));
    });
  };
  RunInOrder<SearchAttributeRow>(std::move(rows), add,
                                 [this, done = std::move(done)](absl::Status status) mutable {
                                   if (!status.ok()) {
                                     std::move(done)(std::move(status));
                                     return;
                                   }
                                   Reload(std::move(done));
                                 });
}

void NamespaceRegistry::RemoveSearchAttributes(NamespacePtr name_space,
                                               std::vector<std::string> names, store::Done done) {
  const auto remove = [this, name_space](const std::string& name, store::Done next) {
    SearchAttributeRow row;
    row.namespace_number = name_space->number;
    row.name = name;
    const auto known = name_space->search_attributes.find(name);
    const bool is_typed = known != name_space->search_attributes.end() &&
                          query::TypeFromWire(known->second, row.type);
    if (!is_typed) {
      std::move(next)(absl::OkStatus());  // gone already
      return;
    }
    store_.RemoveSearchAttribute(std::move(row), std::move(next));
  };
  RunInOrder<std::string>(std::move(names), remove,
                          [this, done = std::move(done)](absl::Status status) mutable {
                            if (!status.ok()) {
                              std::move(done)(std::move(status));
                              return;
                            }
                            Reload(std::move(done));
                          });
}

}  // namespace perdure::frontend
