#include "bench/client.h"

#include <cstdio>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpcpp/create_channel.h"

namespace perdure::bench {
namespace {

constexpr int64_t kErrorsMax = 100;
constexpr absl::Duration kTimeout = absl::Seconds(70);

}  // namespace

struct Client::Call {
  const char* method = nullptr;
  bool is_answer = false;
  grpc::ClientContext context;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
  grpc::ByteBuffer response;
  grpc::Status status;
  std::function<void(std::string)> done;
};

Client::Client(const std::vector<std::string>& addresses, int64_t connections)
    : tag_(absl::StrCat("bench-", absl::GetCurrentTimeNanos())) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  // Not one connection for all who speak to that address from this process.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  for (int64_t i = 0; i < connections; ++i) {
    const std::string& address = addresses[static_cast<size_t>(i) % addresses.size()];
    stubs_.push_back(std::make_unique<grpc::GenericStub>(
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments)));
  }
}

void Client::SendBytes(const char* method, const std::string& request,
                       std::function<void(std::string)> done) {
  auto call = std::make_unique<Call>();
  call->method = method;
  call->is_answer = absl::StartsWith(method, "Respond");
  call->done = std::move(done);
  call->context.set_deadline(absl::ToChronoTime(absl::Now() + kTimeout));
  const grpc::Slice slice(request);
  const grpc::ByteBuffer body(&slice, 1);
  const auto& stub = stubs_[absl::Uniform<size_t>(random_, 0, stubs_.size())];
  call->reader = stub->PrepareUnaryCall(
      &call->context, absl::StrCat("/temporal.api.workflowservice.v1.WorkflowService/", method),
      body, &queue_);
  call->reader->StartCall();
  // Owned by the completion queue until RunUntil takes it back.
  Call* tag = call.release();
  tag->reader->Finish(&tag->response, &tag->status, tag);
}

bool Client::WaitUnanswered(absl::Duration duration) {
  void* tag = nullptr;
  bool ok = false;
  return queue_.AsyncNext(&tag, &ok, absl::ToChronoTime(absl::Now() + duration)) ==
         grpc::CompletionQueue::TIMEOUT;
}

bool Client::RunUntil(const std::function<bool()>& ended) {
  while (!ended()) {
    void* tag = nullptr;
    bool ok = false;
    if (!queue_.Next(&tag, &ok)) return false;
    const std::unique_ptr<Call> call(static_cast<Call*>(tag));
    if (!call->status.ok()) {
      // A task that the server took back to make room for buffered events: a worker's everyday.
      if (call->status.error_code() == grpc::StatusCode::NOT_FOUND && call->is_answer) continue;
      std::fprintf(stderr, "%s: %d %s\n", call->method, call->status.error_code(),
                   call->status.error_message().c_str());
      if (++errors_ > kErrorsMax) return false;
      continue;
    }
    std::vector<grpc::Slice> slices;
    std::string bytes;
    if (call->response.Dump(&slices).ok()) {
      for (const grpc::Slice& part : slices) {
        bytes.append(reinterpret_cast<const char*>(part.begin()), part.size());
      }
    }
    call->done(std::move(bytes));
  }
  return true;
}

}  // namespace perdure::bench
