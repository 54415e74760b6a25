// How the SDK reaches a server, and where its own work runs: the two seams between the SDK and the
// world.
//
// In a program they are gRPC and threads (client/grpc_transport.h); in the test environment
// (perdure/testing.h) the engine itself in the same process, on one thread and virtual time.
// Nothing above this header knows which. Clocks, too, are asked of the executor only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "perdure/payload.h"

namespace perdure::client {

using Nanos = std::chrono::nanoseconds;

// One event loop. Thread-safe: any thread may post; what is posted runs in order, one at a time.
class Executor {
 public:
  using Task = absl::AnyInvocable<void()>;
  virtual ~Executor() = default;
  virtual void Post(Task task) = 0;
  // Runs `task` on the loop after `delay`, unless the handle was dropped before: dropping a handle
  // on the loop means that the task will not run.
  class Timer {
   public:
    virtual ~Timer() = default;
  };
  virtual std::unique_ptr<Timer> PostAfter(Nanos delay, Task task) = 0;
  // Measures; never goes back.
  virtual Nanos Monotonic() const = 0;
  virtual Timestamp WallClock() const = 0;
};

struct CallOptions {
  Nanos timeout = std::chrono::seconds(10);
  // Sent with the call, after the connection's own (API key, namespace, client name and version).
  std::map<std::string, std::string> metadata;
};

class Transport {
 public:
  // Status details travel as the payload kDetailsUrl: the bytes of google.rpc.Status.
  static constexpr std::string_view kDetailsUrl = "type.googleapis.com/google.rpc.Status";
  using Done = absl::AnyInvocable<void(absl::Status)>;
  // Dropping it cancels the call; `done` still runs, with Cancelled.
  class Call {
   public:
    virtual ~Call() = default;
    virtual void Cancel() = 0;
  };

  virtual ~Transport() = default;
  // Starts a unary call. `method` is the path,
  // "/temporal.api.workflowservice.v1.WorkflowService/..." . The request is read before this
  // returns; *response must live until `done` has run. `done` runs on `executor` (never inside this
  // call), once. No retries here: client/retry.h makes them.
  virtual std::unique_ptr<Call> Start(std::string_view method,
                                      const google::protobuf::Message& request,
                                      google::protobuf::Message* response,
                                      const CallOptions& options, Executor* executor,
                                      Done done) = 0;
  // A loop for work that belongs to nobody's worker: the client's own.
  virtual Executor* executor() = 0;
  // A loop of its own thread, for a worker (or one of its workflow threads). In the test
  // environment all are one.
  virtual std::unique_ptr<Executor> NewExecutor(std::string_view name) = 0;
  // Blocks the calling thread, which is no executor's, until it is set. The one place where a
  // client waits.
  class Event {
   public:
    virtual ~Event() = default;
    virtual void Set() = 0;              // Any thread, once.
    virtual bool Wait(Nanos limit) = 0;  // False: the limit came first.
  };
  virtual std::shared_ptr<Event> NewEvent() = 0;
  // Runs blocking user code (activities) beside the loops; a thread pool, or in the test
  // environment in turn. Returns once it is queued.
  virtual void RunBlocking(absl::AnyInvocable<void()> task) = 0;
  // While it is held, virtual time passes no faster than real time: something is under way outside.
  virtual std::shared_ptr<void> HoldTime() { return nullptr; }
  // False: time is virtual, and says nothing about how long code really takes.
  virtual bool is_real_time() const { return true; }
  // Host and port, for messages.
  virtual const std::string& target() const = 0;
};

}  // namespace perdure::client
