#include "auth/principal.h"

#include <algorithm>

namespace perdure::auth {
namespace {

Role RoleOf(absl::string_view word) {
  if (word == "read" || word == "reader") return Role::kReader;
  if (word == "worker") return Role::kWorker;
  if (word == "write" || word == "writer") return Role::kWriter;
  if (word == "admin") return Role::kAdmin;
  return Role::kNone;
}

}  // namespace

absl::string_view NameOf(Role role) {
  switch (role) {
    case Role::kNone:
      return "none";
    case Role::kReader:
      return "reader";
    case Role::kWorker:
      return "worker";
    case Role::kWriter:
      return "writer";
    case Role::kAdmin:
      return "admin";
  }
  return "";
}

Role Principal::RoleIn(absl::string_view name_space) const {
  const auto found = roles.find(name_space);
  return found == roles.end() ? system_role : std::max(system_role, found->second);
}

bool Principal::Grant(absl::string_view permission) {
  const size_t colon = permission.rfind(':');
  if (colon == permission.npos || colon == 0) return false;
  const absl::string_view name_space = permission.substr(0, colon);
  const Role role = RoleOf(permission.substr(colon + 1));
  if (role == Role::kNone) return false;
  const bool is_system = name_space == "system" || name_space == "temporal-system";
  Role& granted = is_system ? system_role : roles[std::string(name_space)];
  granted = std::max(granted, role);
  return true;
}

}  // namespace perdure::auth
