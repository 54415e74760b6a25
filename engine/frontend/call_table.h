// How the frontend is put together: a table from an RPC's full name to what handles it, filled by
// one function per group of RPCs (workflows.cc, activities.cc …).
//
// Most RPCs are "resolve the namespace, check the request's form, fill in defaults, pass it on":
// AddForward() makes these from one pointer to a service's method and one check function. The rest
// register a handler of their own with Add().
//
// Filled once in the frontend's constructor, then only read: thread-safe by that.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "frontend/namespace_registry.h"
#include "frontend/uuid_source.h"
#include "google/protobuf/message.h"
#include "runtime/runtime.h"
#include "services/call.h"
#include "services/cluster.h"
#include "services/history_service.h"
#include "services/matching_service.h"
#include "store/store.h"

namespace perdure::frontend {

namespace api = temporal::api::workflowservice::v1;

// What the cluster says of itself in GetClusterInfo.
struct ClusterFacts {
  std::string cluster_id;
  std::string cluster_name = "active";
  std::string store_name = "sqlite";  // "sqlite" or "postgres12", as Temporal calls them
};

// All borrowed; they outlive the frontend and every call.
struct Dependencies {
  NamespaceRegistry& namespaces;
  services::HistoryService& history;
  services::MatchingService& matching;
  store::Store& store;
  runtime::Loop& loop;  // for the clock, and for turning big lists into replies
  UuidSource& uuids;
  const ClusterFacts& cluster;
  const base::Settings& settings;
  services::Cluster* members = nullptr;  // null: nothing is told of it
};

// What a check of one request may look at. Borrowed: valid only during the check.
struct RequestScope {
  const services::CallContext& context;
  const services::Namespace& name_space;
  absl::Time now;
  UuidSource& uuids;

  const services::Limits& limits() const { return name_space.limits; }
};

using ReplyMessage = services::Reply<std::unique_ptr<google::protobuf::Message>>;

class CallTable {
 public:
  using Handler = std::function<void(services::CallContext,
                                     std::unique_ptr<google::protobuf::Message>, ReplyMessage)>;

  // `service` is the full name of the service; names are those of service.proto.
  explicit CallTable(absl::string_view service) : service_(service) {}

  template <class Request, class Response>
  void Add(absl::string_view method,
           std::function<void(services::CallContext, Request, services::Reply<Response>)> handler) {
    handlers_[absl::StrCat(service_, ".", method)] =
        [handler = std::move(handler)](services::CallContext context,
                                       std::unique_ptr<google::protobuf::Message> request,
                                       ReplyMessage reply) {
          auto* typed = dynamic_cast<Request*>(request.get());
          if (typed == nullptr) {
            std::move(reply)(absl::InternalError("request of another type than the method's"));
            return;
          }
          handler(std::move(context), std::move(*typed),
                  [reply = std::move(reply)](absl::StatusOr<Response> response) mutable {
                    if (!response.ok()) {
                      std::move(reply)(response.status());
                      return;
                    }
                    std::move(reply)(std::make_unique<Response>(*std::move(response)));
                  });
        };
  }

  // Null if the method is not built.
  const Handler* Find(absl::string_view full_name) const {
    const auto found = handlers_.find(full_name);
    return found == handlers_.end() ? nullptr : &found->second;
  }

  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& [name, handler] : handlers_) names.push_back(name);
    return names;
  }
  void MergeFrom(CallTable other) { handlers_.merge(other.handlers_); }

 private:
  std::string service_;
  std::map<std::string, Handler, std::less<>> handlers_;
};

// Which states of a namespace an RPC works in. Temporal: what starts a run needs REGISTERED,
// everything else also takes DEPRECATED.
enum class NamespaceUse { kStart, kAny };

// Resolves, and checks the state. NamespaceNotFound, NamespaceInvalidState, or INVALID_ARGUMENT for
// an empty name.
absl::StatusOr<services::NamespacePtr> ResolveNamespace(const NamespaceRegistry& namespaces,
                                                        absl::string_view name, NamespaceUse use);

// Registers an RPC that is checked and passed on. `check` may change the request: it fills in
// defaults and cuts durations.
template <class Service, class Request, class Response>
void AddForward(CallTable& calls, const Dependencies& dependencies, absl::string_view method,
                Service& service,
                void (Service::*target)(services::CallContext, services::NamespacePtr, Request,
                                        services::Reply<Response>),
                absl::Status (*check)(const RequestScope&, Request&),
                NamespaceUse use = NamespaceUse::kAny) {
  calls.Add<Request, Response>(method, [&dependencies, &service, target, check, use](
                                           services::CallContext context, Request request,
                                           services::Reply<Response> reply) {
    absl::StatusOr<services::NamespacePtr> name_space =
        ResolveNamespace(dependencies.namespaces, request.namespace_(), use);
    if (!name_space.ok()) {
      std::move(reply)(name_space.status());
      return;
    }
    const RequestScope scope{context, **name_space, dependencies.loop.Now(), dependencies.uuids};
    if (absl::Status status = check(scope, request); !status.ok()) {
      std::move(reply)(std::move(status));
      return;
    }
    (service.*target)(std::move(context), *std::move(name_space), std::move(request),
                      std::move(reply));
  });
}

// One per group; each adds its RPCs to the table. `dependencies` outlives the table.
void AddSystemCalls(CallTable& calls, const Dependencies& dependencies);
void AddNamespaceCalls(CallTable& calls, const Dependencies& dependencies);
void AddWorkflowCalls(CallTable& calls, const Dependencies& dependencies);
void AddHistoryCalls(CallTable& calls, const Dependencies& dependencies);
void AddUpdateCalls(CallTable& calls, const Dependencies& dependencies);
void AddWorkflowTaskCalls(CallTable& calls, const Dependencies& dependencies);
void AddActivityCalls(CallTable& calls, const Dependencies& dependencies);
void AddActivityOperatorCalls(CallTable& calls, const Dependencies& dependencies);
void AddTaskQueueCalls(CallTable& calls, const Dependencies& dependencies);
void AddVisibilityCalls(CallTable& calls, const Dependencies& dependencies);
void AddOperatorCalls(CallTable& calls, const Dependencies& dependencies);
void AddClusterCalls(CallTable& calls, const Dependencies& dependencies);

}  // namespace perdure::frontend
