// What a worker has from its surroundings: the way to the server, who it is there, and where
// messages go.
//
// A value, made once from a client or by a test; what it points to outlives the worker.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "perdure/log.h"
#include "worker-sdk/client/transport.h"

namespace perdure::worker {

using client::Nanos;

// Numbers that are watched; perdure/metrics.h gives what stands behind it. Thread-safe.
class Metrics {
 public:
  virtual ~Metrics() = default;
  virtual void Count(std::string_view name, std::string_view label, double by) {}
  virtual void Gauge(std::string_view name, std::string_view label, double value) {}
  virtual void Latency(std::string_view name, std::string_view label, Nanos value) {}
};

struct Host {
  std::shared_ptr<client::Transport> transport;
  std::string namespace_;
  std::string identity;
  // Of this process and worker among all of the namespace; the server knows a worker by it.
  std::string instance_key;
  // The client's payload codecs, applied to whole messages. Empty: none. A failure fails the call.
  std::function<absl::Status(google::protobuf::Message*)> encode, decode;
  LogSink log;
  std::shared_ptr<Metrics> metrics = std::make_shared<Metrics>();
  // Whatever else must live as long as the worker; the client's connection.
  std::shared_ptr<void> keep_alive;
};

inline void Log(const Host& host, LogLevel level, std::string_view text,
                const LogFields& fields = {}) {
  if (host.log) host.log(level, text, fields);
}

}  // namespace perdure::worker
