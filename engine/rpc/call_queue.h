// The completion queue of the public server, lent to the calls between nodes. gRPC watches all
// sockets of a process as one set: every thread that waits on a queue takes its turn at watching,
// finds what another waits for, and wakes it. So there is one queue, and none of gRPC's callback
// threads (they begin with the first callback, and stay).
#pragma once

namespace grpc {
class CompletionQueue;
}

namespace perdure::rpc {

// What is in it completes as a Tag, on the thread that serves the queue. Borrowed from GrpcServer.
class CallQueue {
 public:
  explicit CallQueue(grpc::CompletionQueue& queue) : queue_(&queue) {}
  grpc::CompletionQueue* get() const { return queue_; }

 private:
  grpc::CompletionQueue* queue_;
};

}  // namespace perdure::rpc
