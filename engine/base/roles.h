// What a node of a cluster does: bits of a mask.
#pragma once

#include <cstdint>

namespace perdure::base {

constexpr int32_t kRoleFrontend = 1;
constexpr int32_t kRoleHistory = 2;
constexpr int32_t kRoleMatching = 4;
constexpr int32_t kAllRoles = kRoleFrontend | kRoleHistory | kRoleMatching;

}  // namespace perdure::base
