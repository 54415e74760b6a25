// The namespaces and their search attributes, held in memory as immutable snapshots and kept in
// the store.
//
// One per process, owned by server. Loaded at start, again after each change made here, and every
// minute for what other processes changed. Thread-safe: reads copy a shared pointer under a
// reader lock and never wait for the store. Must outlive the store and the loop it was given:
// both may still call back into it.
//
// A change is durable when its callback says OK, and every snapshot read after that shows it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "base/settings.h"
#include "frontend/uuid_source.h"
#include "query/filter.h"
#include "runtime/runtime.h"
#include "services/namespaces.h"
#include "store/store.h"

namespace perdure::frontend {

class NamespaceRegistry : public services::Namespaces {
 public:
  // All borrowed.
  NamespaceRegistry(store::Store& store, runtime::Loop& loop, const base::Settings& settings,
                    UuidSource& uuids);
  ~NamespaceRegistry() override;

  // Settings of namespaces by name, the cluster's within them. Before Start.
  void set_settings_of(std::map<std::string, base::Settings> settings) {
    settings_of_ = std::move(settings);
  }

  // What must exist once the server has started.
  struct Wanted {
    std::vector<std::string> names;  // "default" and what flags ask for
    // In each of `names`. Attributes that exist with another type are an error.
    services::SearchAttributeTypes search_attributes;
  };
  // Loads, creates what is missing, and begins to refresh. Once.
  void Start(Wanted wanted, store::Done done);
  void Reload(store::Done done);

  absl::StatusOr<services::NamespacePtr> Find(absl::string_view name) const override;
  absl::StatusOr<services::NamespacePtr> FindById(absl::string_view id) const override;
  services::NamespacePtr FindByNumber(base::NamespaceNumber number) const override;
  std::vector<services::NamespacePtr> All() const override;  // by number

  // NamespaceAlreadyExists if the name is taken.
  void Create(std::string name, perdure::store::v1::NamespaceData data,
              store::Result<services::NamespacePtr> result);
  // Replaces name and data of what `former` showed; FAILED_PRECONDITION if somebody else changed it
  // since: read again and retry.
  void Update(services::NamespacePtr former, std::string name,
              perdure::store::v1::NamespaceData data, store::Result<services::NamespacePtr> result);
  void AddSearchAttributes(services::NamespacePtr name_space,
                           services::SearchAttributeTypes attributes, store::Done done);
  void RemoveSearchAttributes(services::NamespacePtr name_space, std::vector<std::string> names,
                              store::Done done);

 private:
  struct Snapshot {
    std::map<base::NamespaceNumber, services::NamespacePtr> by_number;
    absl::flat_hash_map<std::string, services::NamespacePtr> by_name;
    absl::flat_hash_map<std::string, services::NamespacePtr> by_id;
  };

  std::shared_ptr<const Snapshot> snapshot() const {
    absl::ReaderMutexLock lock(&mutex_);
    return snapshot_;
  }
  std::shared_ptr<const Snapshot> MakeSnapshot(
      std::vector<store::NamespaceRow> rows,
      const std::vector<store::SearchAttributeRow>& attributes) const;
  void Install(int64_t sequence, std::shared_ptr<const Snapshot> snapshot);
  void CreateWanted(Wanted wanted, store::Done done);
  void ReloadThenFind(base::NamespaceNumber number, store::Result<services::NamespacePtr> result);
  void RefreshLater();

  store::Store& store_;
  runtime::Loop& loop_;
  const base::Settings& settings_;
  UuidSource& uuids_;
  std::map<std::string, base::Settings> settings_of_;

  mutable absl::Mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_ ABSL_GUARDED_BY(mutex_);
  // Reloads are numbered as they begin: one that began earlier never replaces a later one's result.
  int64_t reloads_begun_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t reload_shown_ ABSL_GUARDED_BY(mutex_) = 0;
  runtime::TimerId refresh_timer_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace perdure::frontend
