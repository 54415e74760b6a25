// The way between the world (clients, workers) and the servers: requests and replies that take
// time, get lost, or come twice.
//
// Loop-bound to the world's loop, as are all callbacks. A server that crashes loses its open calls.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "services/rpc_handler.h"
#include "sim/scheduler.h"

namespace perdure::sim {

struct NetworkFaults {
  double request_lost_chance = 0;
  double reply_lost_chance = 0;
  double request_doubled_chance = 0;
  absl::Duration latency_max = absl::Milliseconds(2);
};

class Network {
 public:
  Network(Scheduler& scheduler, SimLoop& world) : scheduler_(scheduler), world_(world) {}

  void SetFaults(NetworkFaults faults) { faults_ = faults; }
  // Null: the server is down, and what was open is lost. Its clock, for deadlines.
  void SetServer(int server, services::RpcHandler* handler, const SimLoop* clock);
  int server_count() const { return static_cast<int>(servers_.size()); }
  // Unanswered calls of that server.
  int64_t open_calls() const { return static_cast<int64_t>(open_.size()); }

  // `done` is called once: with the answer, UNAVAILABLE if the connection broke, or
  // DEADLINE_EXCEEDED. Returns an id for Abandon.
  template <class Request, class Response>
  uint64_t Call(int server, const char* method, const Request& request, absl::Duration timeout,
                absl::AnyInvocable<void(absl::StatusOr<Response>) &&> done) {
    return Send(server, method, std::make_unique<Request>(request), timeout,
                [done = std::move(done)](Reply reply) mutable {
                  if (!reply.ok()) return std::move(done)(reply.status());
                  std::move(done)(std::move(static_cast<Response&>(**reply)));
                });
  }
  // The caller is gone: nobody hears the answer, and the server learns of it.
  void Abandon(uint64_t call);

 private:
  using Reply = absl::StatusOr<std::unique_ptr<google::protobuf::Message>>;
  using Done = absl::AnyInvocable<void(Reply) &&>;
  struct Server {
    services::RpcHandler* handler = nullptr;
    const SimLoop* clock = nullptr;
    int64_t life = 0;
  };
  struct Open {
    int server = 0;
    Done done;
    runtime::TimerId timer = 0;
    std::shared_ptr<services::Cancellation> cancellation;  // shared with the server
  };

  uint64_t Send(int server, const char* method, std::unique_ptr<google::protobuf::Message> request,
                absl::Duration timeout, Done done);
  void Arrive(uint64_t call, int server, int64_t life,
              const google::protobuf::MethodDescriptor& method,
              std::unique_ptr<google::protobuf::Message> request, absl::Duration timeout);
  void Finish(uint64_t call, Reply reply);
  absl::Duration Latency();

  Scheduler& scheduler_;
  SimLoop& world_;
  NetworkFaults faults_;
  std::vector<Server> servers_;
  uint64_t last_call_ = 0;
  std::map<uint64_t, Open> open_;
};

}  // namespace perdure::sim
