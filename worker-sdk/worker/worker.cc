// The public class, over its inside.
#include "perdure/worker.h"

#include <csignal>

#include <atomic>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "perdure/client.h"
#include "worker-sdk/client/connection.h"
#include "worker-sdk/worker/core_run.h"
#include "worker-sdk/worker/worker_impl.h"

namespace perdure {
namespace {

using worker::Nanos;

worker::Host HostOf(const std::shared_ptr<client::Connection>& connection) {
  worker::Host host;
  // The transport's owner is the connection.
  host.transport = std::shared_ptr<client::Transport>(connection, &connection->transport());
  host.namespace_ = connection->namespace_();
  host.identity = connection->identity();
  absl::BitGen random;
  host.instance_key = absl::StrFormat("%016x%016x", absl::Uniform<std::uint64_t>(random),
                                      absl::Uniform<std::uint64_t>(random));
  host.encode = [connection](google::protobuf::Message* message) {
    return connection->pipeline().Encode(message);
  };
  host.decode = [connection](google::protobuf::Message* message) {
    return connection->pipeline().Decode(message);
  };
  host.log = stderr_log();
  host.metrics = connection->metrics();
  host.failure_converter = connection->failure_converter();
  return host;
}

std::unique_ptr<detail::WorkerImpl> MakeImpl(const Client& client, WorkerOptions options) {
  const std::shared_ptr<client::Connection> connection = client.connection();
  auto make_runs = [connection](const worker::Host& host, const WorkerOptions& options,
                                const worker::WorkflowRegistry& workflows) {
    const auto info = connection->system_info();
    // A lazy client has not asked; servers that are not very old have it.
    const bool has_sdk_metadata = !info.has_capabilities() || info.capabilities().sdk_metadata();
    return worker::MakeCoreRuns(host, options, workflows, has_sdk_metadata);
  };
  auto impl =
      std::make_unique<detail::WorkerImpl>(HostOf(connection), std::move(options), make_runs);
  impl->Serve(connection);
  return impl;
}

void ThrowIfFatal(const detail::WorkerImpl& impl) {
  if (const absl::Status fatal = impl.fatal(); !fatal.ok()) {
    throw Error(absl::StrCat("the worker of task queue ", impl.options().task_queue,
                             " was refused by the server: ", std::string(fatal.message())));
  }
}

std::atomic<int> signal_seen{0};
void OnSignal(int number) { signal_seen = number; }

// SIGINT and SIGTERM are only noted while it lives.
class SignalsSeen {
 public:
  SignalsSeen() {
    signal_seen = 0;
    struct sigaction action{};
    action.sa_handler = OnSignal;
    sigaction(SIGINT, &action, &before_int_);
    sigaction(SIGTERM, &action, &before_term_);
  }
  SignalsSeen(const SignalsSeen&) = delete;
  ~SignalsSeen() {
    sigaction(SIGINT, &before_int_, nullptr);
    sigaction(SIGTERM, &before_term_, nullptr);
  }

 private:
  struct sigaction before_int_{}, before_term_{};
};

}  // namespace

Worker::Worker(const Client& client, WorkerOptions options)
    : impl_(MakeImpl(client, std::move(options))) {}

Worker::Worker(std::unique_ptr<detail::WorkerImpl> impl) : impl_(std::move(impl)) {}

Worker::~Worker() = default;

Worker& Worker::dynamic_activity(DynamicActivity function) {
  return add_activity(
      {"", [function = std::move(function)](activity_context& context, const Payloads& input) {
         return function(context, context.info().activity_type, input);
       }});
}

Worker& Worker::add_workflow(detail::WorkflowDefinition definition) {
  impl_->AddWorkflow(std::move(definition));
  return *this;
}

Worker& Worker::add_activity(detail::ActivityDefinition definition) {
  impl_->AddActivity(std::move(definition));
  return *this;
}

void Worker::start() { impl_->Start(); }

void Worker::request_stop() { impl_->RequestStop(); }

void Worker::stop() {
  if (!impl_->is_started()) return;
  impl_->RequestStop();
  impl_->WaitStopped(Nanos::max());
  ThrowIfFatal(*impl_);
}

void Worker::run(std::stop_token token) {
  const std::stop_callback on_stop(token, [this] { request_stop(); });
  start();
  impl_->WaitStopped(Nanos::max());
  ThrowIfFatal(*impl_);
}

void Worker::run_until_signal() {
  const SignalsSeen signals;
  // A handler may do next to nothing, so it is looked at what it saw; a wait is interrupted by
  // nothing else.
  impl_->Start([] { return signal_seen != 0; });
  while (!impl_->WaitStopped(std::chrono::milliseconds(100))) {
    if (signal_seen != 0) request_stop();
  }
  ThrowIfFatal(*impl_);
}

const WorkerOptions& Worker::options() const { return impl_->options(); }

}  // namespace perdure
