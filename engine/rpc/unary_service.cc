#include "rpc/unary_service.h"

#include <memory>
#include <utility>

#include "grpcpp/impl/rpc_service_method.h"
#include "rpc/inflate.h"
#include "rpc/tag.h"
#include "rpc/wire.h"

namespace perdure::rpc {
namespace {

// How many calls of one method are asked for ahead on each queue. More only helps bursts of one
// method on one connection; each costs about a kilobyte.
constexpr int kRequestsAhead = 2;

}  // namespace

// One call, from asking gRPC for it to its end. Owns itself: it goes when gRPC has both told that
// the call is done and confirmed the answer.
class UnaryCall {
 public:
  UnaryCall(UnaryService& service, int method_index, grpc::ServerCompletionQueue& queue)
      : service_(service),
        method_index_(method_index),
        queue_(queue),
        responder_(&context_),
        requested_(this, &UnaryCall::OnRequested),
        done_(this, &UnaryCall::OnDone),
        answered_(this, &UnaryCall::OnAnswered) {
    context_.AsyncNotifyWhenDone(static_cast<Tag*>(&done_));
    service_.RequestAsyncUnary(method_index_, &context_, &request_, &responder_, &queue_, &queue_,
                               static_cast<Tag*>(&requested_));
  }

 private:
  void OnRequested(bool ok) {
    if (!ok) {  // The server is shutting down; OnDone will not come.
      delete this;
      return;
    }
    service_.open_calls_.Begin();
    service_.RequestCall(method_index_, queue_);
    const Method& method = service_.methods_.methods()[method_index_];
    auto caller = service_.dispatcher_.Identify(
        method, service_.dispatcher_.WantsCredentials(method) ? ReadCredentials(context_)
                                                              : auth::Credentials());
    if (!caller.ok()) return Answer(caller.status());
    auto message = method.NewRequest();
    absl::Status parsed = Inflate(request_, service_.request_size_max_);
    if (parsed.ok()) parsed = Parse(request_, *message);
    request_.Clear();
    if (!parsed.ok()) return Answer(parsed);
    services::CallContext call = ReadContext(context_);
    call.cancellation = cancellation_;
    service_.dispatcher_.Call(
        method, std::move(call), *caller, std::move(message),
        [this](absl::StatusOr<std::unique_ptr<google::protobuf::Message>> result) {
          if (!result.ok()) return Answer(result.status());
          responder_.Finish(Serialize(**result), grpc::Status::OK, static_cast<Tag*>(&answered_));
        });
  }

  void Answer(const absl::Status& error) {
    AddErrorMetadata(error, context_);
    responder_.FinishWithError(ToGrpcStatus(error), static_cast<Tag*>(&answered_));
  }

  void OnDone(bool ok) {
    // Also true when the answer could not be sent; nobody listens any more then.
    if (context_.IsCancelled()) cancellation_->Cancel();
    Release();
  }

  void OnAnswered(bool ok) { Release(); }

  void Release() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    OpenCalls& open_calls = service_.open_calls_;
    delete this;
    open_calls.End();
  }

  UnaryService& service_;
  const int method_index_;
  grpc::ServerCompletionQueue& queue_;
  grpc::ServerContext context_;
  grpc::ByteBuffer request_;
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> responder_;
  // Shared by this call and by whoever holds the long poll, which may notice later.
  const std::shared_ptr<services::Cancellation> cancellation_ =
      std::make_shared<services::Cancellation>();
  MemberTag<UnaryCall> requested_;
  MemberTag<UnaryCall> done_;
  MemberTag<UnaryCall> answered_;
  std::atomic<int> references_{2};
};

UnaryService::UnaryService(const MethodTable& methods, const Dispatcher& dispatcher,
                           OpenCalls& open_calls, int64_t request_size_max)
    : methods_(methods),
      dispatcher_(dispatcher),
      open_calls_(open_calls),
      request_size_max_(request_size_max) {
  int index = 0;
  for (const Method& method : methods_.methods()) {
    // gRPC owns the method and borrows its name. No handler: it is asynchronous.
    AddMethod(std::make_unique<grpc::internal::RpcServiceMethod>(
                  method.path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC, nullptr)
                  .release());
    MarkMethodRaw(index++);
  }
}

void UnaryService::Listen(grpc::ServerCompletionQueue& queue) {
  for (int index = 0; index < static_cast<int>(methods_.methods().size()); ++index) {
    for (int i = 0; i < kRequestsAhead; ++i) RequestCall(index, queue);
  }
}

void UnaryService::RequestCall(int method_index, grpc::ServerCompletionQueue& queue) {
  open_calls_.UnlessStopping(
      [&] { std::make_unique<UnaryCall>(*this, method_index, queue).release(); });
}

}  // namespace perdure::rpc
