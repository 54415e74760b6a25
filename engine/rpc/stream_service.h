// The few streaming methods (server reflection, health watch) and the answer to methods that do not
// exist, over gRPC's generic service. Internal to rpc/.
#pragma once

#include <memory>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/async_generic_service.h"
#include "rpc/guard.h"
#include "rpc/health.h"
#include "rpc/open_calls.h"
#include "rpc/reflection.h"

namespace perdure::rpc {

class StreamCall;

// Thread-safe. Outlives its calls, as UnaryService does.
class StreamService {
 public:
  // `request_size_max`: of a request that comes compressed, inflated.
  StreamService(const Reflection& reflection, Health& health, const Guard& guard,
                OpenCalls& open_calls, int64_t request_size_max)
      : reflection_(reflection),
        health_(health),
        guard_(guard),
        open_calls_(open_calls),
        request_size_max_(request_size_max) {}

  grpc::AsyncGenericService& generic() { return generic_; }
  void Listen(grpc::ServerCompletionQueue& queue);
  // Ends all streams.
  void Stop();

 private:
  friend class StreamCall;

  const Reflection& reflection_;
  Health& health_;
  const Guard& guard_;
  OpenCalls& open_calls_;
  const int64_t request_size_max_;
  grpc::AsyncGenericService generic_;
  absl::Mutex mutex_;
  std::set<StreamCall*> calls_ ABSL_GUARDED_BY(mutex_);  // only walked to end them all
};

}  // namespace perdure::rpc
