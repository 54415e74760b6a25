// Two nodes of different versions: who speaks with whom.
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/metrics.h"
#include "gtest/gtest.h"
#include "rpc/grpc_server.h"
#include "rpc/peer_client.h"
#include "rpc/peer_server.h"
#include "runtime/runtime.h"

namespace perdure::rpc {
namespace {

class NoHandler final : public services::RpcHandler {
  void Call(const google::protobuf::MethodDescriptor& method, services::CallContext context,
            std::unique_ptr<google::protobuf::Message> request,
            services::Reply<std::unique_ptr<google::protobuf::Message>> reply) override {
    std::move(reply)(absl::UnavailableError("not here"));
  }
};

struct Outcome {
  absl::StatusCode code = absl::StatusCode::kOk;
  bool caller_refused = false;
  bool called_refused = false;
};

bool HasRefusal(base::Metrics& metrics, const std::string& side) {
  return absl::StrContains(metrics.Scrape(), absl::StrCat("node_refusals{side=\"", side, "\"} 1"));
}

// One call from a node to another, which takes none: the answer of one that understood it is
// ShardMoved.
Outcome Call(PeerProtocol caller, PeerProtocol called) {
  base::Metrics metrics;
  NoHandler none;
  Health health;
  const Guard guard;
  const auto grpc = GrpcServer::Start({.port = 0}, none, health, guard, nullptr);
  EXPECT_TRUE(grpc.ok()) << grpc.status();
  auto server = PeerServer::Start({.port = 0, .tls = {}, .protocol = called, .metrics = &metrics},
                                  (*grpc)->call_queue());
  EXPECT_TRUE(server.ok()) << server.status();
  const auto loop = runtime::MakeThreadLoop(1);
  auto peers =
      MakePeers(*loop, {.tls = {}, .protocol = caller, .metrics = &metrics}, (*grpc)->call_queue());
  services::Member member;
  member.address = absl::StrCat("127.0.0.1:", (*server)->port());
  Outcome outcome;
  absl::Notification answered;
  peers->Call(member, cluster::wire::Request(), {}, [&](absl::StatusOr<std::string> answer) {
    outcome.code = answer.status().code();
    answered.Notify();
  });
  answered.WaitForNotification();
  peers->Close();
  outcome.caller_refused = HasRefusal(metrics, "caller");
  outcome.called_refused = HasRefusal(metrics, "called");
  return outcome;
}

TEST(PeerProtocols, AdjacentVersionsWorkTogether) {
  for (const PeerProtocol caller : {PeerProtocol{1, 1}, PeerProtocol{1, 2}}) {
    for (const PeerProtocol called : {PeerProtocol{1, 1}, PeerProtocol{1, 2}}) {
      const Outcome outcome = Call(caller, called);
      EXPECT_NE(outcome.code, absl::StatusCode::kOk);
      EXPECT_FALSE(outcome.caller_refused);
      EXPECT_FALSE(outcome.called_refused);
    }
  }
  EXPECT_FALSE(Call({2, 3}, {1, 2}).caller_refused);
  EXPECT_FALSE(Call({1, 2}, {2, 3}).called_refused);
}

TEST(PeerProtocols, ANewNodeRefusesTheCallsOfOneThatIsTooOldAndBothSaySo) {
  const Outcome outcome = Call({1, 1}, {2, 3});
  EXPECT_TRUE(outcome.called_refused);
  EXPECT_TRUE(outcome.caller_refused);
}

TEST(PeerProtocols, ANewNodeDoesNotCallOneThatIsTooOld) {
  const Outcome outcome = Call({2, 3}, {1, 1});
  EXPECT_TRUE(outcome.caller_refused);
}

}  // namespace
}  // namespace perdure::rpc
