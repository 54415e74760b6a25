#include "rpc/dispatch.h"

#include <utility>

#include "absl/time/clock.h"
#include "base/errors.h"
#include "grpc/health/v1/health.pb.h"

namespace perdure::rpc {
namespace {

using google::protobuf::Message;
using Result = absl::StatusOr<std::unique_ptr<Message>>;

// A Reply that answers for itself when nobody else has, and reports to the observer.
class ObservedReply {
 public:
  ObservedReply(const Method& method, std::string name_space, RpcObserver* observer,
                Dispatcher::Reply reply)
      : method_(&method),
        name_space_(std::move(name_space)),
        observer_(observer),
        started_ns_(absl::GetCurrentTimeNanos()),
        reply_(std::move(reply)) {}
  ObservedReply(ObservedReply&& other) noexcept
      : method_(std::exchange(other.method_, nullptr)),
        name_space_(std::move(other.name_space_)),
        observer_(other.observer_),
        started_ns_(other.started_ns_),
        reply_(std::move(other.reply_)) {}
  ObservedReply& operator=(ObservedReply&&) = delete;
  ~ObservedReply() {
    if (method_ != nullptr) {
      std::move (*this)(base::Unavailable("The server is stopping or lost this call; try again."));
    }
  }

  void operator()(Result result) && {
    if (observer_ != nullptr) {
      observer_->OnCall(*method_->descriptor, name_space_, result.status().code(),
                        absl::Nanoseconds(absl::GetCurrentTimeNanos() - started_ns_));
    }
    method_ = nullptr;
    std::move(reply_)(std::move(result));
  }

 private:
  const Method* method_;  // null once answered or moved from
  std::string name_space_;
  RpcObserver* observer_;
  int64_t started_ns_;
  Dispatcher::Reply reply_;
};

Result AnswerHealth(const Health& health, const Method& method, const Message& request) {
  namespace wire = grpc::health::v1;
  if (method.descriptor->name() == "List") {
    return std::make_unique<wire::HealthListResponse>(health.List());
  }
  const auto& check = static_cast<const wire::HealthCheckRequest&>(request);
  const auto status = health.StatusOf(check.service());
  if (!status.has_value()) return absl::NotFoundError("unknown service");
  auto response = std::make_unique<wire::HealthCheckResponse>();
  response->set_status(*status);
  return response;
}

}  // namespace

void Dispatcher::Call(const Method& method, services::CallContext context,
                      std::unique_ptr<Message> request, Reply reply) const {
  if (method.descriptor->file()->package() == "grpc.health.v1") {
    std::move(reply)(AnswerHealth(health_, method, *request));
    return;
  }
  std::string name_space = observer_ == nullptr ? std::string() : method.NamespaceOf(*request);
  handler_.Call(*method.descriptor, std::move(context), std::move(request),
                ObservedReply(method, std::move(name_space), observer_, std::move(reply)));
}

}  // namespace perdure::rpc
