// The nodes of a cluster and the shards they own, as the store knows them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/ids.h"
#include "base/roles.h"

namespace perdure::store {

using base::ExecutionNumber;
using base::IncarnationId;
using base::ShardId;

struct ShardOwner {
  ShardId shard;
  IncarnationId owner;
  // No number given out in the shard was larger: the owner goes on from here. A store may tell what
  // is true of all shards together.
  ExecutionNumber last_number;
};

struct NodeFacts {
  std::string node_name;
  std::string address;  // where the other nodes reach it; empty: they do not
  int32_t roles = base::kAllRoles;
};

struct Incarnation {
  IncarnationId id;
  NodeFacts node;
  absl::Duration since_heartbeat;  // by the database's clock
  bool is_fenced = false;
  bool is_leaving = false;  // it gives away what it has, and takes no shards
  // Whether the database still knows a connection of its process. A process that was killed has
  // none from then on; one that has none may yet live, and only fencing makes an end of it.
  bool has_session = true;
};

// What a heartbeat is told.
struct ClusterState {
  std::vector<Incarnation> incarnations;  // by id; the fenced ones too, until they are forgotten
  // Rise when a shard gets an owner, or when namespaces or search attributes change. Where a store
  // is not shared they stand still.
  int64_t shards_version = 0;
  int64_t registry_version = 0;
};

}  // namespace perdure::store
