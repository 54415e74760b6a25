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

bool IsHealth(const Method& method) {
  return method.descriptor->file()->package() == "grpc.health.v1";
}

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

bool Dispatcher::WantsCredentials(const Method& method) const {
  return guard_.is_needed() && !IsHealth(method);
}

absl::StatusOr<Dispatcher::Caller> Dispatcher::Identify(
    const Method& method, const auth::Credentials& credentials) const {
  if (!WantsCredentials(method)) return Caller();
  auto principal = guard_.Identify(credentials);
  if (!principal.ok()) return principal.status();
  return Caller{*std::move(principal), credentials.peer};
}

void Dispatcher::Call(const Method& method, services::CallContext context, const Caller& caller,
                      std::unique_ptr<Message> request, Reply reply) const {
  if (IsHealth(method)) {
    std::move(reply)(AnswerHealth(health_, method, *request));
    return;
  }
  const bool is_name_used = observer_ != nullptr || guard_.is_needed();
  std::string name_space = is_name_used ? method.NamespaceOf(*request) : std::string();
  if (caller.principal != nullptr) context.principal = caller.principal->name;
  if (guard_.IsRecorded(*method.descriptor)) {
    auth::AuditRecord record{.principal = context.principal,
                             .peer = caller.peer,
                             .rpc = method.descriptor->name(),
                             .name_space = name_space};
    auth::ReadIds(*request, record);
    reply = [this, record = std::move(record), reply = std::move(reply)](Result result) mutable {
      if (result.ok()) auth::ReadIds(**result, record);
      guard_.Record(record, result.status().code());
      std::move(reply)(std::move(result));
    };
  }
  const absl::Status allowed =
      guard_.Authorize(caller.principal.get(), *method.descriptor, name_space, *request);
  if (!allowed.ok()) return std::move(reply)(allowed);
  handler_.Call(*method.descriptor, std::move(context), std::move(request),
                ObservedReply(method, std::move(name_space), observer_, std::move(reply)));
}

}  // namespace perdure::rpc
