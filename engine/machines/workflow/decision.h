// What a decision is: data. History applies it, commits it, and then carries out what follows from
// it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/limits.h"
#include "base/random.h"
#include "machines/workflow/state.h"
#include "temporal/api/update/v1/message.pb.h"

namespace perdure::machines {

// A namespace as the machine needs it.
struct NamespaceFacts {
  int32_t number = 0;
  std::string id;
  std::string name;
};

// Everything a decision may depend on besides state and request. Borrowed for the call.
struct Context {
  int64_t now_ns = 0;
  base::Random* random = nullptr;
  const base::Limits* limits = nullptr;
  NamespaceFacts name_space;
  // Custom and predefined search attributes: enums::IndexedValueType by name.
  const std::map<std::string, int>* search_attributes = nullptr;
  // Resolves a namespace that a command names; nullopt if there is none.
  std::function<std::optional<NamespaceFacts>(absl::string_view name)> find_namespace;
};

// What became of an update, for those who wait for it.
struct UpdateNotice {
  std::string update_id;
  // Set: the outcome (a rejection's failure included). Unset with an OK status: accepted.
  std::optional<temporal::api::update::v1::Outcome> outcome;
  // Not OK: the update was aborted; the waiters get this.
  absl::Status aborted;
};

// A run that comes into being with a decision: of the same workflow id, so in the same shard and
// commit.
struct NewRun {
  std::string run_id;
  pb::JournalRecord record;
};

struct Decision {
  pb::JournalRecord record;
  // Nothing of it needs to be durable by itself: it is written with the next thing that does.
  bool is_lazy = false;
  std::vector<NewRun> new_runs;
  std::vector<UpdateNotice> update_notices;
  // The activities the worker takes along with the reply: they are not handed to matching.
  std::vector<EventId> started_activities;
  // The new workflow task goes out with the reply.
  bool returns_workflow_task = false;

  bool HasDurableChanges() const {
    for (const pb::Change& change : record.changes()) {
      if (!IsVolatile(change)) return true;
    }
    return false;
  }
};

}  // namespace perdure::machines
