// What both routers share: calls that are sent to whoever should have them, and sent anew while
// they certainly have not begun. Internal to cluster/.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/errors.h"
#include "cluster/peers.h"
#include "cluster/view.h"
#include "cluster/wire.h"
#include "runtime/runtime.h"

namespace perdure::cluster {

struct RoutingParts {
  runtime::Loop& loop;  // for pauses and times
  services::Cluster& cluster;
  Peers& peers;
};

// How long a call looks for its owner before it answers UNAVAILABLE.
inline constexpr absl::Duration kSearchMax = absl::Seconds(8);
// How long one attempt waits for an answer that comes at once if at all.
inline constexpr absl::Duration kAnswerMax = absl::Seconds(10);
inline constexpr absl::Duration kPauseMin = absl::Milliseconds(4);
inline constexpr absl::Duration kPauseMax = absl::Milliseconds(250);

// One call on its way. `Target` says who should have it in a view; `Here` does it in this process.
template <class Response>
class Journey : public std::enable_shared_from_this<Journey<Response>> {
 public:
  using Target = std::function<const services::Member*(const services::ClusterView&)>;
  using Here = std::function<void(services::Reply<Response>)>;
  struct Plan {
    std::string method;
    base::NamespaceNumber name_space;
    services::CallContext context;
    Target target;
    Here here;
    std::function<std::string()> body;
    absl::Duration search_max = kSearchMax;
  };

  Journey(RoutingParts parts, Plan plan, services::Reply<Response> reply)
      : parts_(parts),
        plan_(std::move(plan)),
        reply_(std::move(reply)),
        give_up_at_(std::min(parts.loop.Now() + plan_.search_max, plan_.context.deadline)) {}

  void Go() {
    const services::ClusterViewPtr view = parts_.cluster.view();
    const services::Member* target = plan_.target(*view);
    auto done = [self = this->shared_from_this()](absl::StatusOr<Response> answer) {
      self->Done(std::move(answer));
    };
    if (IsSelf(*view, target)) return plan_.here(std::move(done));
    if (target == nullptr || target->address.empty()) return Done(base::ShardMoved());
    wire::Request request;
    request.set_to_incarnation(target->id.value());
    request.set_method(plan_.method);
    request.set_namespace_number(plan_.name_space.value());
    request.set_body(plan_.body());
    SetContext(plan_.context, parts_.loop.Now(), request);
    parts_.peers.Call(*target, std::move(request), plan_.context,
                      [done = std::move(done)](absl::StatusOr<std::string> body) {
                        if (!body.ok()) return done(body.status());
                        Response response;
                        if (!response.ParseFromString(*body)) {
                          return done(base::Internal("another node's answer is unreadable"));
                        }
                        done(std::move(response));
                      });
  }

 private:
  void Done(absl::StatusOr<Response> answer) {
    if (!base::IsShardMoved(answer.status())) return std::move(reply_)(std::move(answer));
    const bool is_gone =
        plan_.context.cancellation != nullptr && plan_.context.cancellation->IsCancelled();
    if (is_gone || parts_.loop.Now() >= give_up_at_) {
      return std::move(reply_)(base::Unavailable(answer.status().message()));
    }
    parts_.cluster.Refresh();
    const absl::Duration pause = std::min(kPauseMax, kPauseMin * (1 << std::min(tries_, 6)));
    ++tries_;
    parts_.loop.Post([self = this->shared_from_this(), pause]() {
      const double jitter =
          0.5 + static_cast<double>(self->parts_.loop.random().Below(1000)) / 1000;
      self->parts_.loop.After(pause * jitter, [self] { self->Go(); });
    });
  }

  const RoutingParts parts_;
  const Plan plan_;
  services::Reply<Response> reply_;
  const absl::Time give_up_at_;
  int tries_ = 0;
};

template <class Response>
void Send(RoutingParts parts, typename Journey<Response>::Plan plan,
          services::Reply<Response> reply) {
  std::make_shared<Journey<Response>>(parts, std::move(plan), std::move(reply))->Go();
}

// A request of the API, here by `Method` of `local`, elsewhere by the plan's name for it.
template <auto Method, class Service, class Request, class Response>
void SendRequest(RoutingParts parts, Service& local, typename Journey<Response>::Plan plan,
                 services::CallContext context, services::NamespacePtr name_space, Request request,
                 services::Reply<Response> reply) {
  auto shared = std::make_shared<Request>(std::move(request));
  plan.here = [&local, shared, context = std::move(context),
               name_space = std::move(name_space)](services::Reply<Response> done) {
    (local.*Method)(context, name_space, *shared, std::move(done));
  };
  plan.body = [shared] { return shared->SerializeAsString(); };
  Send(parts, std::move(plan), std::move(reply));
}

// What must be heard in the end, for nobody says it again, and may be heard twice: sent until it
// is, to whoever is the target then; or until there is none any more, if `may_be_none`.
inline void SendUntilHeard(RoutingParts parts, Journey<wire::Empty>::Plan plan,
                           bool may_be_none = false) {
  plan.search_max = absl::InfiniteDuration();
  plan.context.deadline = parts.loop.Now() + kAnswerMax;
  Send<wire::Empty>(parts, plan, [parts, plan, may_be_none](absl::StatusOr<wire::Empty> heard) {
    if (heard.ok()) return;
    if (may_be_none && plan.target(*parts.cluster.view()) == nullptr) return;
    parts.cluster.Refresh();
    parts.loop.Post([parts, plan, may_be_none] {
      parts.loop.After(kPauseMax,
                       [parts, plan, may_be_none] { SendUntilHeard(parts, plan, may_be_none); });
    });
  });
}

}  // namespace perdure::cluster
