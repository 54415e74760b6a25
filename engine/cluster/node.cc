#include "cluster/node.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "cluster/routing.h"
#include "cluster/wire.h"

namespace perdure::cluster {
namespace {

// An announcement is a hint: the next heartbeat tells the same.
constexpr absl::Duration kAnnounceMax = absl::Seconds(2);
constexpr absl::Duration kDrainMax = absl::Seconds(5);

}  // namespace

Node::Node(Parts parts)
    : parts_(std::move(parts)),
      history_(MakeHistoryRouter(parts_.loop, keeper_, parts_.peers, parts_.history)),
      matching_(MakeMatchingRouter(parts_.loop, keeper_, parts_.peers, parts_.matching,
                                   parts_.partitions)),
      partition_peers_(MakePartitionRouter(parts_.loop, keeper_, parts_.peers)),
      handler_({parts_.loop, keeper_, parts_.namespaces, parts_.history, parts_.matching,
                parts_.partitions, parts_.reload_namespaces, parts_.push_tasks,
                parts_.set_drained}) {
  keeper_.set_refresh(parts_.refresh);
  keeper_.set_drain([this](base::IncarnationId member, bool is_drained, auto done) {
    SetDrained(member, is_drained, std::move(done));
  });
}

void Node::SetView(services::ClusterViewPtr view) {
  const services::ClusterViewPtr before = keeper_.view();
  keeper_.Set(view);
  if (view->members.empty() || HasSameMatching(*before, *view)) return;
  const auto owner_in = [](services::ClusterViewPtr in) {
    return [in](base::NamespaceNumber number, const std::string& queue, services::QueueKind kind) {
      const services::Member* owner = MatchingFor(*in, number, queue, kind);
      return owner == nullptr ? base::IncarnationId() : owner->id;
    };
  };
  parts_.set_owned_queues([owner = owner_in(view), self = view->self](base::NamespaceNumber number,
                                                                      const std::string& queue,
                                                                      services::QueueKind kind) {
    return owner(number, queue, kind) == self;
  });
  parts_.push_tasks(
      [old_owner = owner_in(before), owner = owner_in(view)](
          base::NamespaceNumber number, const std::string& queue, services::QueueKind kind) {
        return old_owner(number, queue, kind) != owner(number, queue, kind);
      });
  AskForTasks(*view);
}

// A node that never saw a queue leave this one does not push anew what this one has forgotten
// meanwhile.
void Node::AskForTasks(const services::ClusterView& view) {
  wire::PushTasksToRequest body;
  body.set_incarnation(view.self.value());
  for (const services::Member& member : view.members) {
    if (member.id == view.self || (member.roles & base::kRoleHistory) == 0) continue;
    Journey<wire::Empty>::Plan plan;
    plan.method = "history.PushTasksTo";
    plan.target = [id = member.id](const services::ClusterView& now) { return Find(now, id); };
    plan.here = [](services::Reply<wire::Empty> done) { std::move(done)(wire::Empty()); };
    plan.body = [bytes = body.SerializeAsString()] { return bytes; };
    SendUntilHeard({parts_.loop, keeper_, parts_.peers}, std::move(plan), /*may_be_none=*/true);
  }
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

void Node::SetDrained(base::IncarnationId id, bool is_drained, services::Cluster::Done done) {
  const services::ClusterViewPtr view = keeper_.view();
  const services::Member* member = Find(*view, id);
  if (member == nullptr) {
    return std::move(done)(base::NotFound(absl::StrCat("no node with incarnation ", id.value())));
  }
  if (id == view->self) return parts_.set_drained(is_drained, std::move(done));
  wire::DrainRequest body;
  body.set_is_drained(is_drained);
  wire::Request request;
  request.set_to_incarnation(id.value());
  request.set_method("cluster.Drain");
  request.set_body(body.SerializeAsString());
  services::CallContext context;
  context.deadline = parts_.loop.Now() + kDrainMax;
  SetContext(context, parts_.loop.Now(), request);
  parts_.peers.Call(*member, std::move(request), std::move(context),
                    [done = std::move(done)](const absl::StatusOr<std::string>& answer) mutable {
                      std::move(done)(base::IsShardMoved(answer.status())
                                          ? base::Unavailable(answer.status().message())
                                          : answer.status());
                    });
}

}  // namespace perdure::cluster
