// One call that is made again where its failure is not final (client/retry.h).
//
// Loop-bound: everything happens on `executor`, except that Start and dropping the call are for any
// thread. A call that is dropped is canceled and answered with CANCELLED; it is not retried.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "worker-sdk/client/retry.h"
#include "worker-sdk/client/transport.h"

namespace perdure::client {

// As Transport::Start, but *request, too, must live until `done` has run. `method` is a string
// literal. Where no attempt was answered for `kind`'s limits, `done` has the last attempt's status.
std::unique_ptr<Transport::Call> StartRetrying(Transport* transport, CallKind kind,
                                               std::string_view method,
                                               const google::protobuf::Message& request,
                                               google::protobuf::Message* response,
                                               CallOptions options, Executor* executor,
                                               Transport::Done done);

// What ends a blocking call before its answer.
struct Waiting {
  Nanos limit = Nanos::max();  // DEADLINE_EXCEEDED.
  std::stop_token stop = {};  // CANCELLED, with the payload kStoppedUrl. Any thread may request it.
};
inline constexpr absl::string_view kStoppedUrl = "perdure/stopped-by-caller";

// A blocking call, for a thread that is no executor's. Runs on the transport's own executor. What
// ends it early cancels it, and nothing of it is under way when this returns; an answer that is
// there already counts. A call that is to stop before it begins is not sent.
absl::Status CallBlocking(Transport* transport, CallKind kind, std::string_view method,
                          const google::protobuf::Message& request,
                          google::protobuf::Message* response, const CallOptions& options,
                          const Waiting& waiting = {});

}  // namespace perdure::client
