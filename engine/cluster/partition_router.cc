#include "cluster/partition_router.h"

#include <utility>

#include "base/errors.h"
#include "cluster/view.h"
#include "cluster/wire.h"

namespace perdure::cluster {
namespace {

// It is said again before that.
constexpr absl::Duration kHoldMax = absl::Seconds(1);

class PartitionRouter final : public services::PartitionPeers {
 public:
  PartitionRouter(runtime::Loop& loop, services::Cluster& cluster, Peers& peers)
      : loop_(loop), cluster_(cluster), peers_(peers) {}

  std::vector<services::Member> others() const override {
    return OthersWithMatching(*cluster_.view());
  }

  void HoldPartition(const services::Member& member, services::NamespacePtr name_space,
                     wire::HoldPartitionRequest body,
                     services::Reply<wire::HoldPartitionResponse> reply) override {
    body.set_home_incarnation(cluster_.view()->self.value());
    wire::Request request;
    request.set_to_incarnation(member.id.value());
    request.set_method("matching.HoldPartition");
    request.set_namespace_number(name_space->number.value());
    request.set_body(body.SerializeAsString());
    services::CallContext context;
    context.deadline = loop_.Now() + kHoldMax;
    SetContext(context, loop_.Now(), request);
    peers_.Call(member, std::move(request), std::move(context),
                [reply = std::move(reply)](absl::StatusOr<std::string> bytes) mutable {
                  if (!bytes.ok()) return std::move(reply)(bytes.status());
                  wire::HoldPartitionResponse response;
                  if (!response.ParseFromString(*bytes)) {
                    return std::move(reply)(base::Internal("another node's answer is unreadable"));
                  }
                  std::move(reply)(std::move(response));
                });
  }

 private:
  runtime::Loop& loop_;
  services::Cluster& cluster_;
  Peers& peers_;
};

}  // namespace

std::unique_ptr<services::PartitionPeers> MakePartitionRouter(runtime::Loop& loop,
                                                              services::Cluster& cluster,
                                                              Peers& peers) {
  return std::make_unique<PartitionRouter>(loop, cluster, peers);
}

}  // namespace perdure::cluster
