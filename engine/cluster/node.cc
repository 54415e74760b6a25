#include "cluster/node.h"

#include <utility>

#include "cluster/wire.h"

namespace perdure::cluster {
namespace {

// An announcement is a hint: the next heartbeat tells the same.
constexpr absl::Duration kAnnounceMax = absl::Seconds(2);

}  // namespace

Node::Node(Parts parts)
    : parts_(std::move(parts)),
      history_(MakeHistoryRouter(parts_.loop, keeper_, parts_.peers, parts_.history)),
      matching_(MakeMatchingRouter(parts_.loop, keeper_, parts_.peers, parts_.matching)),
      handler_({parts_.loop, keeper_, parts_.namespaces, parts_.history, parts_.matching,
                parts_.reload_namespaces}) {
  keeper_.set_refresh(parts_.refresh);
}

void Node::SetView(services::ClusterViewPtr view) {
  const services::ClusterViewPtr before = keeper_.view();
  keeper_.Set(view);
  if (before->members.empty() || HasSameMatching(*before, *view)) return;
  parts_.on_queues_moved([before, view](base::NamespaceNumber number, const std::string& queue,
                                        services::QueueKind kind) {
    const services::Member* old_owner = MatchingFor(*before, number, queue, kind);
    const services::Member* new_owner = MatchingFor(*view, number, queue, kind);
    if (old_owner == nullptr || new_owner == nullptr) return true;
    return old_owner->id != new_owner->id;
  });
}

void Node::Announce(const services::Member& member) {
  wire::Request request;
  request.set_to_incarnation(member.id.value());
  request.set_method("cluster.Look");
  services::CallContext context;
  context.deadline = parts_.loop.Now() + kAnnounceMax;
  SetContext(context, parts_.loop.Now(), request);
  parts_.peers.Call(member, std::move(request), std::move(context),
                    [](absl::StatusOr<std::string>) {});
}

}  // namespace perdure::cluster
