#include "sim/network.h"

#include "base/check.h"
#include "perdure/cluster/v1/service.pb.h"
#include "temporal/api/workflowservice/v1/service.pb.h"

namespace perdure::sim {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::MethodDescriptor;

const MethodDescriptor& Method(const char* name) {
  // Naming a table of each file makes the linker keep their descriptors.
  [[maybe_unused]] const void* volatile service =
      &descriptor_table_temporal_2fapi_2fworkflowservice_2fv1_2fservice_2eproto;
  [[maybe_unused]] const void* volatile cluster_service =
      &descriptor_table_perdure_2fcluster_2fv1_2fservice_2eproto;
  for (const char* service_name :
       {"temporal.api.workflowservice.v1.WorkflowService", "perdure.cluster.v1.ClusterService"}) {
    const MethodDescriptor* method =
        DescriptorPool::generated_pool()->FindServiceByName(service_name)->FindMethodByName(name);
    if (method != nullptr) return *method;
  }
  PERDURE_CHECK(false);
}

}  // namespace

absl::Duration Network::Latency() {
  return absl::Nanoseconds(static_cast<int64_t>(scheduler_.random().Below(
      static_cast<uint64_t>(absl::ToInt64Nanoseconds(faults_.latency_max)) + 1)));
}

void Network::SetServer(int server, services::RpcHandler* handler, const SimLoop* clock) {
  if (server >= server_count()) servers_.resize(static_cast<size_t>(server) + 1);
  Server& entry = servers_[static_cast<size_t>(server)];
  entry.handler = handler;
  entry.clock = clock;
  ++entry.life;
  for (auto& [id, open] : open_) {
    if (open.server != server) continue;
    // What the server hung on it is gone with the server.
    open.cancellation = std::make_shared<services::Cancellation>();
    world_.After(Latency(),
                 [this, id = id] { Finish(id, absl::UnavailableError("connection lost")); });
  }
}

uint64_t Network::Send(int server, const char* method,
                       std::unique_ptr<google::protobuf::Message> request, absl::Duration timeout,
                       Done done) {
  const uint64_t id = ++last_call_;
  Open& open = open_[id];
  open.server = server;
  open.done = std::move(done);
  open.cancellation = std::make_shared<services::Cancellation>();
  open.timer = world_.After(
      timeout, [this, id] { Finish(id, absl::DeadlineExceededError("no answer in time")); });
  if (scheduler_.random().Chance(faults_.request_lost_chance)) return id;
  const int64_t life = servers_[static_cast<size_t>(server)].life;
  const MethodDescriptor& descriptor = Method(method);
  if (scheduler_.random().Chance(faults_.request_doubled_chance)) {
    std::unique_ptr<google::protobuf::Message> copy(request->New());
    copy->CopyFrom(*request);
    world_.After(Latency() * 3,
                 [this, id, server, life, &descriptor, copy = std::move(copy), timeout]() mutable {
                   Arrive(id, server, life, descriptor, std::move(copy), timeout);
                 });
  }
  world_.After(Latency(), [this, id, server, life, &descriptor, request = std::move(request),
                           timeout]() mutable {
    Arrive(id, server, life, descriptor, std::move(request), timeout);
  });
  return id;
}

void Network::Arrive(uint64_t call, int server, int64_t life, const MethodDescriptor& method,
                     std::unique_ptr<google::protobuf::Message> request, absl::Duration timeout) {
  Server& target = servers_[static_cast<size_t>(server)];
  if (target.handler == nullptr || target.life != life) {
    world_.After(Latency(),
                 [this, call] { Finish(call, absl::UnavailableError("connection refused")); });
    return;
  }
  services::CallContext context;
  context.deadline = target.clock->Now() + timeout;
  const auto open = open_.find(call);
  if (open != open_.end()) context.cancellation = open->second.cancellation;
  target.handler->Call(
      method, std::move(context), std::move(request), [this, call, server, life](Reply reply) {
        // From any loop of the server.
        if (servers_[static_cast<size_t>(server)].life != life) return;
        if (scheduler_.random().Chance(faults_.reply_lost_chance)) return;
        world_.Post([this, call, reply = std::move(reply)]() mutable {
          world_.After(Latency(), [this, call, reply = std::move(reply)]() mutable {
            Finish(call, std::move(reply));
          });
        });
      });
}

void Network::Finish(uint64_t call, Reply reply) {
  const auto found = open_.find(call);
  if (found == open_.end()) return;
  Open open = std::move(found->second);
  open_.erase(found);
  world_.Cancel(open.timer);
  // As gRPC does: whatever of the call is still going on is told.
  open.cancellation->Cancel();
  std::move(open.done)(std::move(reply));
}

void Network::Abandon(uint64_t call) {
  const auto found = open_.find(call);
  if (found == open_.end()) return;
  const Open open = std::move(found->second);
  open_.erase(found);
  world_.Cancel(open.timer);
  open.cancellation->Cancel();
}

}  // namespace perdure::sim
