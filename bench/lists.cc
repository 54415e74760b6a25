#include "absl/time/clock.h"
#include "bench/scenario.h"

namespace perdure::bench {
namespace {

template <class Response>
bool Measure(Client& client, const char* method, const google::protobuf::Message& request,
             int64_t count, std::vector<absl::Duration>& latencies) {
  absl::Time sent;
  std::function<void()> send = [&] {
    sent = absl::Now();
    client.Send<Response>(method, request, [&](const Response&) {
      latencies.push_back(absl::Now() - sent);
      if (static_cast<int64_t>(latencies.size()) < count) send();
    });
  };
  send();
  return client.RunUntil([&] { return static_cast<int64_t>(latencies.size()) == count; });
}

}  // namespace

Figures Lists(Client& client, const Options& options) {
  api::ListWorkflowExecutionsRequest request;
  request.set_namespace_("default");
  request.set_page_size(100);
  request.set_query(options.query);
  std::vector<absl::Duration> latencies;
  if (!Measure<api::ListWorkflowExecutionsResponse>(client, "ListWorkflowExecutions", request,
                                                    options.count, latencies)) {
    return {};
  }
  return {{"list_p50_ms", Quantile(latencies, 0.5)}, {"list_p95_ms", Quantile(latencies, 0.95)}};
}

Figures Counts(Client& client, const Options& options) {
  api::CountWorkflowExecutionsRequest request;
  request.set_namespace_("default");
  request.set_query(options.query);
  std::vector<absl::Duration> latencies;
  if (!Measure<api::CountWorkflowExecutionsResponse>(client, "CountWorkflowExecutions", request,
                                                     options.count, latencies)) {
    return {};
  }
  return {{"count_p50_ms", Quantile(latencies, 0.5)}, {"count_p95_ms", Quantile(latencies, 0.95)}};
}

}  // namespace perdure::bench
