#include "worker-sdk/client/metered_transport.h"

#include <array>
#include <utility>

#include "perdure/client_errors.h"

namespace perdure::client {
namespace {

class MeteredTransport final : public Transport {
 public:
  MeteredTransport(std::unique_ptr<Transport> transport, std::string namespace_name,
                   std::shared_ptr<MetricsSink> metrics)
      : namespace_(std::move(namespace_name)),
        metrics_(std::move(metrics)),
        transport_(std::move(transport)) {}

  std::unique_ptr<Call> Start(std::string_view method, const google::protobuf::Message& request,
                              google::protobuf::Message* response, const CallOptions& options,
                              Executor* executor, Done done) override {
    const bool is_long = options.timeout > kLongRequestTimeout;
    const Nanos started = executor->Monotonic();
    return transport_->Start(method, request, response, options, executor,
                             [this, executor, is_long, started,
                              operation = std::string(method.substr(method.rfind('/') + 1)),
                              done = std::move(done)](absl::Status status) mutable {
                               Record(operation, is_long, executor->Monotonic() - started, status);
                               std::move(done)(std::move(status));
                             });
  }
  Executor* executor() override { return transport_->executor(); }
  std::unique_ptr<Executor> NewExecutor(std::string_view name) override {
    return transport_->NewExecutor(name);
  }
  std::shared_ptr<Event> NewEvent() override { return transport_->NewEvent(); }
  std::shared_ptr<void> HoldTime() override { return transport_->HoldTime(); }
  void RunBlocking(absl::AnyInvocable<void()> task) override {
    transport_->RunBlocking(std::move(task));
  }
  bool is_real_time() const override { return transport_->is_real_time(); }
  const std::string& target() const override { return transport_->target(); }

 private:
  void Record(const std::string& operation, bool is_long, Nanos time, const absl::Status& status) {
    const std::string_view code = to_string(static_cast<RpcCode>(status.code()));
    const std::array<std::pair<std::string_view, std::string_view>, 3> labels = {
        {{"namespace", namespace_}, {"operation", operation}, {"status_code", code}}};
    const MetricLabels common(labels.data(), 2);
    metrics_->count(is_long ? "temporal_long_request" : "temporal_request", common);
    if (!status.ok()) {
      metrics_->count(is_long ? "temporal_long_request_failure" : "temporal_request_failure",
                      labels);
    }
    metrics_->latency(is_long ? "temporal_long_request_latency" : "temporal_request_latency",
                      common, time);
  }

  const std::string namespace_;
  const std::shared_ptr<MetricsSink> metrics_;  // Shared with the program and the workers.
  // Last, and so the first to end: it waits for calls, which record.
  const std::unique_ptr<Transport> transport_;
};

}  // namespace

std::unique_ptr<Transport> Metered(std::unique_ptr<Transport> transport, std::string namespace_name,
                                   std::shared_ptr<MetricsSink> metrics) {
  if (metrics == nullptr) return transport;
  return std::make_unique<MeteredTransport>(std::move(transport), std::move(namespace_name),
                                            std::move(metrics));
}

}  // namespace perdure::client
