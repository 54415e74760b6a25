#include "worker-sdk/worker/rpc.h"

#include <optional>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "worker-sdk/client/retry.h"

namespace perdure::worker {

// One call with its tries. Kept alive by the callback of the try, or by the timer before the next
// one.
class Rpc::Pending : public Rpc::Handle, public std::enable_shared_from_this<Rpc::Pending> {
 public:
  Pending(Rpc* rpc, std::string_view method, std::unique_ptr<google::protobuf::Message> owned,
          const google::protobuf::Message* request,
          std::unique_ptr<google::protobuf::Message> response, Nanos timeout, Nanos limit,
          Done done, std::uint32_t seed)
      : rpc_(rpc),
        method_(
            absl::StrCat("/temporal.api.workflowservice.v1.WorkflowService/", std::string(method))),
        owned_(std::move(owned)),
        request_(request),
        response_(std::move(response)),
        timeout_(timeout),
        done_(std::move(done)),
        random_(seed) {
    ++rpc_->open_calls_;
    if (limit < Nanos(0)) return;
    client::RetryOptions options = client::RetryOptions::For(client::CallKind::kUnary);
    options.elapsed_max = limit;
    retries_.emplace(client::CallKind::kUnary, options, rpc_->executor_->Monotonic());
  }

  void Begin() {
    if (owned_ && rpc_->host_->encode) {
      if (absl::Status status = rpc_->host_->encode(owned_.get()); !status.ok()) {
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
    if (status.ok() && retries_ && rpc_->host_->decode)
      status = rpc_->host_->decode(response_.get());
    if (status.ok() || cancelled_ || !retries_) return Finish(std::move(status));
    const std::optional<Nanos> wait =
        retries_->Next(status, rpc_->executor_->Monotonic(), Random());
    if (!wait) return Finish(std::move(status));
    response_->Clear();
    timer_ = rpc_->executor_->PostAfter(*wait, [self = shared_from_this()] {
      self->timer_.reset();
      self->Try();
    });
  }
  // In [0, 1).
  double Random() {
    return static_cast<double>(random_() - random_.min()) /
           (static_cast<double>(random_.max()) - static_cast<double>(random_.min()) + 1);
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
  std::unique_ptr<google::protobuf::Message> owned_;  // What is repeated; null for one try.
  const google::protobuf::Message* const request_;
  const std::unique_ptr<google::protobuf::Message> response_;
  Nanos timeout_;
  Done done_;
  std::minstd_rand random_;  // Seeded, so that tests see the same waits each time.
  bool cancelled_ = false;
  std::optional<client::RetrySchedule> retries_;  // Absent: one try.
  std::unique_ptr<client::Transport::Call> call_;
  std::unique_ptr<client::Executor::Timer> timer_;
};

std::shared_ptr<Rpc::Handle> Rpc::StartErased(std::string_view method,
                                              std::unique_ptr<google::protobuf::Message> owned,
                                              const google::protobuf::Message* request,
                                              std::unique_ptr<google::protobuf::Message> response,
                                              Nanos timeout, Nanos limit, Done done) {
  auto pending =
      std::make_shared<Pending>(this, method, std::move(owned), request, std::move(response),
                                timeout, limit, std::move(done), ++seed_);
  pending->Begin();
  return pending;
}

}  // namespace perdure::worker
