// One call that is made again where its failure is not final (client/retry.h).
//
// Loop-bound: everything happens on `executor`, except that Start and dropping the call are for any
// thread. A call that is dropped is canceled and answered with CANCELLED; it is not retried.
#pragma once

#include <memory>
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

// A blocking call, for a thread that is no executor's. Runs on the transport's own executor. Where
// `limit` passes without an answer, the call is canceled and DEADLINE_EXCEEDED is returned.
absl::Status CallBlocking(Transport* transport, CallKind kind, std::string_view method,
                          const google::protobuf::Message& request,
                          google::protobuf::Message* response, const CallOptions& options,
                          Nanos limit = Nanos::max());

}  // namespace perdure::client
