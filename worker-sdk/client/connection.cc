#include "worker-sdk/client/connection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "perdure/errors.h"
#include "worker-sdk/coro/guard.h"

namespace perdure::client {
namespace {

class IdleCall final : public Transport::Call {
 public:
  void Cancel() override {}
};

}  // namespace

absl::Status Connection::Call(CallKind kind, std::string_view method,
                              google::protobuf::Message* request,
                              google::protobuf::Message* response, const Waiting& waiting) {
  absl::Status status = CallUndecoded(kind, method, request, response, waiting);
  return status.ok() ? pipeline_.Decode(response) : status;
}

absl::Status Connection::CallUndecoded(CallKind kind, std::string_view method,
                                       google::protobuf::Message* request,
                                       google::protobuf::Message* response,
                                       const Waiting& waiting) {
  if (detail::IsInWorkflowCode()) {
    throw WorkflowContextError(absl::StrCat(
        "workflow code called ", std::string(method.substr(method.rfind('/') + 1)),
        " of a client, which blocks and which no replay repeats: let an activity do it, or use "
        "what perdure::workflow has for it, as child(), external() and handlers"));
  }
  if (absl::Status status = pipeline_.Encode(request); !status.ok()) return status;
  CallOptions options;
  options.timeout = kind == CallKind::kUnary ? options_.rpc_timeout : kLongPollTimeout;
  return CallBlocking(transport_.get(), kind, method, *request, response, options, waiting);
}

std::unique_ptr<Transport::Call> Connection::Start(CallKind kind, std::string_view method,
                                                   google::protobuf::Message* request,
                                                   google::protobuf::Message* response,
                                                   CallOptions options, Executor* executor,
                                                   Transport::Done done) {
  if (absl::Status status = pipeline_.Encode(request); !status.ok()) {
    executor->Post([done = std::move(done), status = std::move(status)]() mutable {
      std::move(done)(std::move(status));
    });
    return std::make_unique<IdleCall>();
  }
  return StartRetrying(transport_.get(), kind, method, *request, response, std::move(options),
                       executor,
                       [this, response, done = std::move(done)](absl::Status status) mutable {
                         if (status.ok()) status = pipeline_.Decode(response);
                         std::move(done)(std::move(status));
                       });
}

void Connection::AddEagerStarter(EagerStarter* starter) {
  const std::lock_guard lock(mutex_);
  starters_.push_back(starter);
}

void Connection::RemoveEagerStarter(EagerStarter* starter) {
  const std::lock_guard lock(mutex_);
  starters_.erase(std::remove(starters_.begin(), starters_.end(), starter), starters_.end());
}

EagerStarter* Connection::ReserveEager(const std::string& task_queue) {
  const std::lock_guard lock(mutex_);
  for (EagerStarter* starter : starters_) {
    if (starter->Reserve(task_queue)) return starter;
  }
  return nullptr;
}

void Connection::set_system_info(api::GetSystemInfoResponse info) {
  const std::lock_guard lock(mutex_);
  system_info_ = std::move(info);
}

api::GetSystemInfoResponse Connection::system_info() const {
  const std::lock_guard lock(mutex_);
  return system_info_;
}

}  // namespace perdure::client
