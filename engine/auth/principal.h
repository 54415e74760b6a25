// Who calls, and what he may do: a name, and a role in each of some namespaces or in all of them.
#pragma once

#include <map>
#include <string>

#include "absl/strings/string_view.h"

namespace perdure::auth {

// Each may do what the ones before it may. Temporal: a writer may do what workers do.
enum class Role { kNone, kReader, kWorker, kWriter, kAdmin };

// "reader", "worker", "writer", "admin"; "none".
absl::string_view NameOf(Role role);

// Value.
struct Principal {
  std::string name;  // a token's subject, an API key's name, a certificate's common name
  std::map<std::string, Role, std::less<>> roles;  // by namespace
  Role system_role = Role::kNone;                  // in all namespaces, and in the cluster

  Role RoleIn(absl::string_view name_space) const;
  // "orders:write", "temporal-system:admin": Temporal's way to write a role in a namespace, or in
  // all ("system" for short). Roles only add up. False if it is none of these, or names no
  // namespace; nothing is changed then.
  bool Grant(absl::string_view permission);
};

}  // namespace perdure::auth
