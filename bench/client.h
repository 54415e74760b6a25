// A client of Temporal's API over bare gRPC: asynchronous calls, one thread, no SDK, so that what
// costs is the server.
//
// Loop-bound: all calls and callbacks happen in RunUntil's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/random/random.h"
#include "absl/time/time.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/generic_stub.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::bench {

namespace api = temporal::api::workflowservice::v1;
namespace enums = temporal::api::enums::v1;

class Client {
 public:
  // Each call goes over one of the connections to these addresses, by chance, as through a load
  // balancer.
  Client(const std::vector<std::string>& addresses, int64_t connections);

  // A name that no other run of the load has used, for task queues and workflow ids.
  const std::string& tag() const { return tag_; }

  // Calls the method; `done` gets its answer. A call that fails is printed; the load gives up after
  // a hundred.
  template <class Response>
  void Send(const char* method, const google::protobuf::Message& request,
            std::function<void(const Response&)> done) {
    SendBytes(method, request.SerializeAsString(), [done = std::move(done)](std::string bytes) {
      Response response;
      if (!response.ParseFromString(bytes)) std::abort();
      done(response);
    });
  }

  // Handles answers until `ended` says so; false when too many calls failed.
  bool RunUntil(const std::function<bool()>& ended);
  // Lets calls be under way for that long; none may be answered meanwhile.
  bool WaitUnanswered(absl::Duration duration);

 private:
  struct Call;

  void SendBytes(const char* method, const std::string& request,
                 std::function<void(std::string)> done);

  const std::string tag_;
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  absl::BitGen random_;
  int64_t errors_ = 0;
};

}  // namespace perdure::bench
