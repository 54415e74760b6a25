// Perdure's own service: who is in the cluster, and who should do nothing.
#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "frontend/call_table.h"
#include "perdure/cluster/v1/service.pb.h"

namespace perdure::frontend {
namespace {

namespace cluster_api = perdure::cluster::v1;

constexpr std::pair<int32_t, const char*> kRoles[] = {{base::kRoleFrontend, "frontend"},
                                                      {base::kRoleHistory, "history"},
                                                      {base::kRoleMatching, "matching"}};

cluster_api::DescribeMembersResponse Describe(const services::ClusterView& view) {
  cluster_api::DescribeMembersResponse response;
  for (const services::Member& member : view.members) {
    cluster_api::DescribeMembersResponse::Member& out = *response.add_members();
    out.set_incarnation(member.id.value());
    out.set_node_name(member.node_name);
    out.set_address(member.address);
    for (const auto& [role, name] : kRoles) {
      if ((member.roles & role) != 0) out.add_roles(name);
    }
    out.set_is_leaving(member.is_leaving);
    out.set_shards(
        static_cast<int32_t>(std::count(view.owners.begin(), view.owners.end(), member.id)));
    out.set_answers(member.id == view.self);
  }
  for (const base::IncarnationId owner : view.owners) response.add_owners(owner.value());
  return response;
}

}  // namespace

void AddClusterCalls(CallTable& calls, const Dependencies& dependencies) {
  if (dependencies.members == nullptr) return;
  calls.Add<cluster_api::DescribeMembersRequest, cluster_api::DescribeMembersResponse>(
      "DescribeMembers",
      [&dependencies](services::CallContext, cluster_api::DescribeMembersRequest,
                      services::Reply<cluster_api::DescribeMembersResponse> reply) {
        std::move(reply)(Describe(*dependencies.members->view()));
      });
  calls.Add<cluster_api::DrainMemberRequest, cluster_api::DrainMemberResponse>(
      "DrainMember",
      [&dependencies](services::CallContext, const cluster_api::DrainMemberRequest& request,
                      services::Reply<cluster_api::DrainMemberResponse> reply) {
        dependencies.members->SetDrained(
            base::IncarnationId(request.incarnation()), !request.undo(),
            [reply = std::move(reply)](const absl::Status& status) mutable {
              if (!status.ok()) return std::move(reply)(status);
              std::move(reply)(cluster_api::DrainMemberResponse());
            });
      });
}

}  // namespace perdure::frontend
