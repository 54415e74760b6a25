// The activities that the kitchen-sink workflow may ask for, by the names it knows them by.
#pragma once

#include <cstdint>
#include <vector>

#include "convert.h"
#include "perdure/activity.h"
#include "perdure/client.h"
#include "perdure/protobuf.h"

namespace perdure {
class Worker;
}

namespace omes {

using Activities = ks::ExecuteActivityAction;

void noop();
perdure::task<void> delay(google::protobuf::Duration duration);
std::vector<std::uint8_t> payload(std::vector<std::uint8_t> received, std::int32_t bytes_to_return);
// Holds memory and spends processor time.
void resources(perdure::activity_context& context, Activities::ResourcesActivity activity);
// These three do not succeed in their first attempts.
void retryable_error(perdure::activity_context& context,
                     Activities::RetryableErrorActivity activity);
perdure::task<void> timeout(perdure::activity_context& context,
                            Activities::TimeoutActivity activity);
perdure::task<void> heartbeat(perdure::activity_context& context,
                              Activities::HeartbeatTimeoutActivity activity);

// What a client would do, done by an activity: it speaks to the workflow that scheduled it. An
// update may wait for as long as that workflow lives, and no call of the client can be cut short:
// each attempt has a thread of its own, which is left behind when the attempt is over first.
class ClientActions {
 public:
  explicit ClientActions(perdure::Client client) : client_(std::move(client)) {}
  perdure::task<void> run(perdure::activity_context& context, Activities::ClientActivity activity);

 private:
  const perdure::Client client_;
};

// Registers them all; `client_actions` outlives the worker.
void add_activities(perdure::Worker* worker, ClientActions& client_actions);

}  // namespace omes
