#include "perdure/testing.h"
#include "worker-sdk/client/connection.h"
#include "worker-sdk/client/context_propagation.h"
#include "worker-sdk/client/metered_transport.h"
#include "worker-sdk/testing/engine.h"
#include "worker-sdk/testing/engine_transport.h"

namespace perdure::testing {
namespace {

absl::Time ToAbsl(Timestamp time) { return absl::FromUnixNanos(time.time_since_epoch().count()); }

services::SearchAttributeTypes TypesOf(const EnvironmentOptions& options) {
  services::SearchAttributeTypes types;
  for (const auto& [name, type] : options.search_attributes) types[name] = static_cast<int>(type);
  return types;
}

client::ConnectionOptions ConnectionOptionsOf(const EnvironmentOptions& options) {
  client::ConnectionOptions connection;
  connection.namespace_ = options.namespace_;
  connection.identity = "test";
  connection.codecs = options.codecs;
  connection.encode_failure_attributes = options.encode_failure_attributes;
  connection.failure_converter = options.failure_converter;
  connection.metrics = options.metrics;
  return connection;
}

}  // namespace

struct Environment::Inside {
  explicit Inside(const EnvironmentOptions& options)
      : time(std::make_shared<VirtualTime>(ToAbsl(options.start_time))),
        engine(std::make_unique<Engine>(*time, options.namespace_, TypesOf(options))),
        handler(std::make_shared<services::RpcHandler*>(&engine->handler())),
        client(std::make_shared<client::Connection>(
                   client::Metered(std::make_unique<EngineTransport>(time, handler),
                                   options.namespace_, options.metrics),
                   ConnectionOptionsOf(options)),
               client::WithPropagation(options.interceptors, options.context_propagators)) {}
  ~Inside() { *handler = nullptr; }

  // Shared with the transport, which the client's copies and handles keep.
  const std::shared_ptr<VirtualTime> time;
  const std::unique_ptr<Engine> engine;
  const std::shared_ptr<services::RpcHandler*> handler;
  const Client client;
};

Environment::Environment(EnvironmentOptions options) : inside_(std::make_unique<Inside>(options)) {}
Environment::~Environment() = default;

const Client& Environment::client() const { return inside_->client; }

WorkerOptions Environment::worker(std::string task_queue) const {
  WorkerOptions options;
  options.task_queue = std::move(task_queue);
  options.cache.runs = 0;
  return options;
}

Timestamp Environment::now() const {
  return Timestamp(std::chrono::nanoseconds(absl::ToUnixNanos(inside_->time->Now())));
}

void Environment::sleep(std::chrono::nanoseconds duration) {
  const absl::Time end = inside_->time->Now() + absl::FromChrono(duration);
  inside_->time->Drive([] { return false; }, end);
}

void Environment::settle() {
  inside_->time->Drive([] { return false; }, inside_->time->Now());
}

}  // namespace perdure::testing
