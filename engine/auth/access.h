// The table of access: which role an RPC takes, and where. A test holds it against the service
// descriptors, so that no RPC is without a row.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "auth/principal.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace perdure::auth {

// Where the role must be held: in the namespace that the request names, or in the whole cluster.
enum class Scope { kNamespace, kCluster };
// kChange is what the audit log tells of. Polls, heartbeats and answers to queries count as reads:
// they leave nothing in a history.
enum class Effect { kRead, kChange };

struct Access {
  absl::string_view method;  // without its service
  Scope scope;
  Role role;  // kNone: whoever has credentials
  Effect effect;
};

absl::Span<const Access> AccessTable();
// Null if the table does not have it.
const Access* FindAccess(absl::string_view method);

// PERMISSION_DENIED with PermissionDeniedFailure names the method, the namespace and the role that
// it takes. `name_space` is the one that the request names. A request that names further ones (the
// commands of a workflow task, the parts of a multi-operation) takes the writer's role in those.
absl::Status Authorize(const Principal& principal, const google::protobuf::MethodDescriptor& method,
                       absl::string_view name_space, const google::protobuf::Message& request);

}  // namespace perdure::auth
