#include "worker-sdk/worker/rpc.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"

namespace perdure::worker {

// One call with its tries. Kept alive by the callback of the try, or by the timer before the next
// one.
class Rpc::Pending : public Rpc::Handle, public std::enable_shared_from_this<Rpc::Pending> {
 public:
  Pending(Rpc* rpc, std::string_view method, std::unique_ptr<google::protobuf::Message> request,
          std::unique_ptr<google::protobuf::Message> response, Nanos timeout, Nanos limit,
          Done done, std::uint32_t seed)
      : rpc_(rpc),
        method_(
            absl::StrCat("/temporal.api.workflowservice.v1.WorkflowService/", std::string(method))),
        request_(std::move(request)),
        response_(std::move(response)),
        timeout_(timeout),
        limit_(limit),
        done_(std::move(done)),
        seed_(seed) {
    ++rpc_->open_calls_;
  }

  void Begin() {
    started_ = rpc_->executor_->Monotonic();
    if (rpc_->host_->encode) {
      if (absl::Status status = rpc_->host_->encode(request_.get()); !status.ok()) {
        status.SetPayload(kNotSentUrl, absl::Cord());
        rpc_->executor_->Post([self = shared_from_this(), status] { self->Finish(status); });
        return;
      }
    }
    Try();
  }
  void Cancel() override {
    cancelled_ = true;
    if (call_) call_->Cancel();
    if (timer_) {
      timer_.reset();
      rpc_->executor_->Post([self = shared_from_this()] {
        self->Finish(absl::CancelledError("cancelled by the worker"));
      });
    }
  }

 private:
  void Try() {
    client::CallOptions options;
    options.timeout = timeout_;
    call_ = rpc_->host_->transport->Start(
        method_, *request_, response_.get(), options, rpc_->executor_,
        [self = shared_from_this()](absl::Status status) { self->Tried(std::move(status)); });
  }
  void Tried(absl::Status status) {
    call_.reset();
    if (status.ok() && limit_ >= Nanos(0) && rpc_->host_->decode)
      status = rpc_->host_->decode(response_.get());
    if (status.ok() || cancelled_ || !IsTransient(status.code()) || IsMessageTooLarge(status)) {
      return Finish(std::move(status));
    }
    const bool overload = status.code() == absl::StatusCode::kResourceExhausted;
    std::optional<Backoff>& backoff = overload ? overload_ : backoff_;
    if (!backoff) backoff.emplace(overload ? kCallOverloadBackoff : kCallBackoff, seed_);
    const Nanos wait = backoff->Next();
    if (rpc_->executor_->Monotonic() - started_ + wait > limit_) return Finish(std::move(status));
    response_->Clear();
    timer_ = rpc_->executor_->PostAfter(wait, [self = shared_from_this()] {
      self->timer_.reset();
      self->Try();
    });
  }
  void Finish(absl::Status status) {
    if (!done_) return;
    auto done = std::move(done_);
    done_ = nullptr;
    done(std::move(status));
    if (--rpc_->open_calls_ == 0 && rpc_->on_idle_) rpc_->on_idle_();
  }

  Rpc* rpc_;
  std::string method_;
  std::unique_ptr<google::protobuf::Message> request_, response_;
  Nanos timeout_, limit_, started_{};
  Done done_;
  std::uint32_t seed_;
  bool cancelled_ = false;
  std::optional<Backoff> backoff_, overload_;
  std::unique_ptr<client::Transport::Call> call_;
  std::unique_ptr<client::Executor::Timer> timer_;
};

std::shared_ptr<Rpc::Handle> Rpc::StartErased(std::string_view method,
                                              std::unique_ptr<google::protobuf::Message> request,
                                              std::unique_ptr<google::protobuf::Message> response,
                                              Nanos timeout, Nanos limit, Done done) {
  auto pending = std::make_shared<Pending>(this, method, std::move(request), std::move(response),
                                           timeout, limit, std::move(done), ++seed_);
  pending->Begin();
  return pending;
}

}  // namespace perdure::worker
