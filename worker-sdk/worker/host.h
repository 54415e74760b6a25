// What a worker has from its surroundings: the way to the server, who it is there, and where
// messages go.
//
// A value, made once from a client or by a test; what it points to outlives the worker.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "perdure/failure_converter.h"
#include "perdure/log.h"
#include "worker-sdk/client/transport.h"
#include "worker-sdk/worker/meter.h"

namespace perdure::worker {

using client::Nanos;

struct Host {
  std::shared_ptr<client::Transport> transport;
  std::string namespace_;
  std::string identity;
  // Of this process and worker among all of the namespace; the server knows a worker by it.
  std::string instance_key;
  // The client's payload codecs, applied to whole messages. Empty: none. A failure fails the call.
  std::function<absl::Status(google::protobuf::Message*)> encode, decode;
  LogSink log;
  std::shared_ptr<MetricsSink> metrics;                 // The client's; null: none.
  std::shared_ptr<FailureConverter> failure_converter;  // The client's; null: the default one.
  Meter meter;                                          // Over the sink; set by the worker.
  // Whatever else must live as long as the worker; the client's connection.
  std::shared_ptr<void> keep_alive;
};

inline void Log(const Host& host, LogLevel level, std::string_view text,
                const LogFields& fields = {}) {
  if (host.log) host.log(level, text, fields);
}

}  // namespace perdure::worker
