// Who is there: the nodes of the cluster, what they do, and which of them owns which shard.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "base/ids.h"
#include "base/roles.h"

namespace perdure::services {

struct Member {
  base::IncarnationId id;
  std::string node_name;
  std::string address;  // empty: no other node reaches it
  int32_t roles = base::kAllRoles;
  bool is_leaving = false;

  friend bool operator==(const Member&, const Member&) = default;
};

// What one node knew at one time. Immutable once it is shared.
struct ClusterView {
  base::IncarnationId self;
  std::vector<Member> members;  // those that live, this one too, by id
  // By shard; 0: nobody just now.
  std::array<base::IncarnationId, base::kShardCount> owners;
  bool is_sole_owner = false;  // nobody else lives, and all shards are this node's
};
using ClusterViewPtr = std::shared_ptr<const ClusterView>;

// Thread-safe.
class Cluster {
 public:
  virtual ~Cluster() = default;
  // Never null; without members until this node has registered.
  virtual ClusterViewPtr view() const = 0;
  // What was known turned out to be old: it is looked up anew, at once but not too often.
  virtual void Refresh() = 0;
  // Lets a member hand over its shards and task queues and take no others, or ends that. `done`
  // runs on any thread, once the member knows: NOT_FOUND if there is none of that id,
  // FAILED_PRECONDITION if no other could take what it has.
  using Done = absl::AnyInvocable<void(absl::Status) &&>;
  virtual void SetDrained(base::IncarnationId member, bool is_drained, Done done) = 0;
};

}  // namespace perdure::services
