#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "perdure/prometheus_metrics.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"
#include "worker-sdk/client/grpc_transport.h"
#include "worker-sdk/client/metered_transport.h"
#include "worker-sdk/client/retrying_call.h"
#include "worker-sdk/client/scripted_server.h"

namespace perdure::client {
namespace {

namespace api = temporal::api::workflowservice::v1;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Metrics, EveryAttemptIsCountedByItsOperation) {
  ScriptedServer server;
  int calls = 0;
  server.On("GetSystemInfo", [&calls](const ScriptedCall&) -> ScriptedServer::Reply {
    if (++calls == 1) return absl::UnavailableError("restarting");
    return std::string();
  });
  const auto metrics = std::make_shared<PrometheusMetrics>();
  GrpcTransportOptions options;
  options.target = server.target();
  const auto transport = Metered(*NewGrpcTransport(options), "main", metrics);
  api::GetSystemInfoRequest request;
  api::GetSystemInfoResponse response;
  const auto call = [&](CallOptions call_options) {
    return CallBlocking(transport.get(), CallKind::kUnary,
                        "/temporal.api.workflowservice.v1.WorkflowService/GetSystemInfo", request,
                        &response, call_options);
  };
  ASSERT_TRUE(call({}).ok());
  CallOptions long_poll;
  long_poll.timeout = std::chrono::seconds(70);
  ASSERT_TRUE(call(long_poll).ok());
  const std::string text = metrics->text();
  EXPECT_THAT(text,
              HasSubstr("temporal_request{namespace=\"main\",operation=\"GetSystemInfo\"} 2"));
  EXPECT_THAT(text, HasSubstr("temporal_request_failure{namespace=\"main\",operation="
                              "\"GetSystemInfo\",status_code=\"UNAVAILABLE\"} 1"));
  EXPECT_THAT(text, HasSubstr("temporal_long_request{namespace=\"main\",operation="
                              "\"GetSystemInfo\"} 1"));
  EXPECT_THAT(text, Not(HasSubstr("temporal_long_request_failure")));
  EXPECT_THAT(text, HasSubstr("temporal_request_latency_seconds_count{"));
}

TEST(Metrics, WithoutASinkTheTransportIsTheSame) {
  GrpcTransportOptions options;
  auto transport = *NewGrpcTransport(options);
  const Transport* const same = transport.get();
  EXPECT_EQ(Metered(std::move(transport), "main", nullptr).get(), same);
}

}  // namespace
}  // namespace perdure::client
