// Two ends of the stream between nodes, on the loopback: what is answered, and what is when a
// stream, a server or a client goes.
#include <future>
#include <thread>

#include "base/errors.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "gtest/gtest.h"
#include "rpc/grpc_server.h"
#include "rpc/peer_client.h"
#include "rpc/peer_server.h"

namespace perdure::rpc {
namespace {

using cluster::wire::Request;
using Answer = absl::StatusOr<std::string>;

class NoHandler final : public services::RpcHandler {
  void Call(const google::protobuf::MethodDescriptor& method, services::CallContext context,
            std::unique_ptr<google::protobuf::Message> request,
            services::Reply<std::unique_ptr<google::protobuf::Message>> reply) override {
    std::move(reply)(base::Unavailable("not here"));
  }
};

// A process: its public server, whose queue serves, and the two ends.
class Process {
 public:
  explicit Process(bool is_pumped, int port = 0)
      : loop_(runtime::MakeThreadLoop(7)),
        server_(GrpcServer::Start({.port = 0}, none_, health_, guard_, nullptr).value()),
        is_pumped_(is_pumped) {
    peer_server_ = PeerServer::Start({.port = port}, server_->call_queue()).value();
    peers_ = MakePeers(*loop_, {}, server_->call_queue());
    peer_server_->Open([this](Request request, std::shared_ptr<services::Cancellation> cancellation,
                              services::Reply<std::string> reply) {
      Handle(std::move(request), std::move(cancellation), std::move(reply));
    });
    if (is_pumped) loop_->SetPump(&server_->BeginPump());
  }
  ~Process() {
    if (is_pumped_) {
      loop_->SetPump(nullptr);
      server_->EndPump();
    }
    server_->Shutdown(absl::ZeroDuration());
    EndServer();
    peers_.reset();
  }

  int port() const { return peer_server_->port(); }
  void EndServer() { peer_server_.reset(); }
  services::Member member() const {
    services::Member member;
    member.address = absl::StrCat("127.0.0.1:", peer_server_->port());
    return member;
  }
  std::future<Answer> Call(const services::Member& to, const std::string& method,
                           std::shared_ptr<services::Cancellation> cancellation = nullptr) {
    Request request;
    request.set_method(method);
    services::CallContext context;
    context.deadline = absl::Now() + absl::Seconds(30);
    context.cancellation = std::move(cancellation);
    auto promise = std::make_shared<std::promise<Answer>>();
    peers_->Call(to, std::move(request), std::move(context),
                 [promise](Answer answer) { promise->set_value(std::move(answer)); });
    return promise->get_future();
  }
  NodePeers& peers() { return *peers_; }
  std::future<void> held() { return held_.get_future(); }
  std::future<void> cancelled() { return cancelled_.get_future(); }
  void Release() { std::move (*held_reply_)(std::string("late")); }

 private:
  void Handle(Request request, std::shared_ptr<services::Cancellation> cancellation,
              services::Reply<std::string> reply) {
    if (request.method() == "hold") {
      held_reply_ = std::make_shared<services::Reply<std::string>>(std::move(reply));
      held_.set_value();
    } else if (request.method() == "until cancelled") {
      auto shared = std::make_shared<services::Reply<std::string>>(std::move(reply));
      cancellation->OnCancel([this, shared] {
        std::move (*shared)(std::string("too late"));
        cancelled_.set_value();
      });
      held_.set_value();
    } else if (request.method() == "fail") {
      std::move(reply)(base::NamespaceNotFound("lost"));
    } else {
      std::move(reply)(absl::StrCat("did ", request.method()));
    }
  }

  NoHandler none_;
  Health health_;
  Guard guard_;
  std::unique_ptr<runtime::ThreadLoop> loop_;
  std::unique_ptr<GrpcServer> server_;
  const bool is_pumped_;
  std::unique_ptr<PeerServer> peer_server_;
  std::unique_ptr<NodePeers> peers_;
  std::promise<void> held_;
  std::promise<void> cancelled_;
  std::shared_ptr<services::Reply<std::string>> held_reply_;
};

// Until the handler has the call, or fails: a call that could not be sent never gets there.
void Await(const std::future<void>& held, const std::future<Answer>& answer) {
  while (held.wait_for(std::chrono::milliseconds(5)) != std::future_status::ready) {
    ASSERT_NE(answer.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  }
}

class Peers : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(OnAThreadAndInALoop, Peers, testing::Bool());

TEST_P(Peers, AnswersComeBackAndErrorsWithTheirDetails) {
  Process here(GetParam());
  Process there(GetParam());
  EXPECT_EQ(here.Call(there.member(), "a").get().value(), "did a");
  const absl::Status failed = here.Call(there.member(), "fail").get().status();
  EXPECT_EQ(failed, base::NamespaceNotFound("lost"));
  EXPECT_EQ(there.Call(here.member(), "b").get().value(), "did b") << "the other way";
  EXPECT_EQ(here.Call(here.member(), "c").get().value(), "did c") << "to itself";
}

TEST_P(Peers, ManyAtATimeFromManyThreads) {
  Process here(GetParam());
  Process there(GetParam());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&here, &there, t] {
      std::vector<std::future<Answer>> answers;
      for (int i = 0; i < 500; ++i) {
        answers.push_back(here.Call(there.member(), absl::StrCat(t, ".", i)));
      }
      for (int i = 0; i < 500; ++i) {
        EXPECT_EQ(answers[static_cast<size_t>(i)].get().value(), absl::StrCat("did ", t, ".", i));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(Peers, ACancelledCallEndsAtOnceAndIsHeardThere) {
  Process here(GetParam());
  Process there(GetParam());
  auto held = there.held();
  auto cancellation = std::make_shared<services::Cancellation>();
  auto answer = here.Call(there.member(), "until cancelled", cancellation);
  ASSERT_NO_FATAL_FAILURE(Await(held, answer));
  auto cancelled = there.cancelled();
  cancellation->Cancel();
  EXPECT_EQ(answer.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  EXPECT_TRUE(absl::IsCancelled(answer.get().status()));
  cancelled.wait();
  EXPECT_EQ(here.Call(there.member(), "a").get().value(), "did a");
}

TEST_P(Peers, AServerThatStopsHasWhatWaitsThereEnded) {
  Process here(GetParam());
  Process there(GetParam());
  auto waits = there.held();
  auto polled =
      here.Call(there.member(), "until cancelled", std::make_shared<services::Cancellation>());
  ASSERT_NO_FATAL_FAILURE(Await(waits, polled));
  here.peers().EndCalls(absl::Seconds(20));
  EXPECT_EQ(polled.get().value(), "too late") << "what came in the meantime is not lost";
}

TEST_P(Peers, AServerThatStopsWaitsForNoAnswerForLong) {
  Process here(GetParam());
  Process there(GetParam());
  auto begun = there.held();
  auto held = here.Call(there.member(), "hold");
  ASSERT_NO_FATAL_FAILURE(Await(begun, held));
  here.peers().EndCalls(absl::Milliseconds(10));
  EXPECT_EQ(held.get().status().code(), absl::StatusCode::kUnavailable);
  there.Release();
}

TEST_P(Peers, WhatWasSentToAServerThatGoesMayHaveBeenDone) {
  Process here(GetParam());
  Process there(GetParam());
  auto held = there.held();
  auto answer = here.Call(there.member(), "hold");
  ASSERT_NO_FATAL_FAILURE(Await(held, answer));
  there.EndServer();
  const absl::Status status = answer.get().status();
  EXPECT_TRUE(absl::IsUnavailable(status) && !base::IsShardMoved(status)) << status;
  there.Release();  // Nobody hears it, and nothing breaks.
}

TEST_P(Peers, WhatCouldNotBeSentCertainlyDidNotBegin) {
  Process here(GetParam());
  Process there(GetParam());
  const services::Member gone = there.member();
  there.EndServer();
  EXPECT_TRUE(base::IsShardMoved(here.Call(gone, "a").get().status()));
}

TEST_P(Peers, AnotherServerOnTheSameAddressIsFoundAgain) {
  Process here(GetParam());
  auto there = std::make_unique<Process>(GetParam());
  const services::Member member = there->member();
  ASSERT_TRUE(here.Call(member, "a").get().ok());
  const int port = there->port();
  there.reset();
  EXPECT_FALSE(here.Call(member, "b").get().ok());
  there = std::make_unique<Process>(GetParam(), port);
  Answer answer;
  do {
    answer = here.Call(member, "c").get();
  } while (base::IsShardMoved(answer.status()));
  EXPECT_EQ(answer.value(), "did c");
}

TEST_P(Peers, ClosingAnswersWhatIsOpenAndAllThatComes) {
  Process here(GetParam());
  Process there(GetParam());
  auto held = there.held();
  auto answer = here.Call(there.member(), "hold");
  ASSERT_NO_FATAL_FAILURE(Await(held, answer));
  here.peers().Close();
  EXPECT_TRUE(absl::IsUnavailable(answer.get().status()));
  EXPECT_TRUE(absl::IsUnavailable(here.Call(there.member(), "a").get().status()));
  there.Release();
}

TEST_P(Peers, ThereIsOneMethod) {
  Process there(GetParam());
  auto channel = grpc::CreateChannel(there.member().address, grpc::InsecureChannelCredentials());
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  auto call = stub.PrepareUnaryCall(&context, "/perdure.internal.v1.Node/Other", grpc::ByteBuffer(),
                                    &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  queue.Shutdown();
}

}  // namespace
}  // namespace perdure::rpc
