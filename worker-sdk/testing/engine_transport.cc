#include "worker-sdk/testing/engine_transport.h"

#include <atomic>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "google/protobuf/descriptor.h"
#include "google/rpc/status.pb.h"
#include "temporal/api/operatorservice/v1/service.pb.h"
#include "temporal/api/workflowservice/v1/service.pb.h"

namespace perdure::testing {
namespace {

// The loop's timer, until it is dropped.
class VirtualTimer final : public client::Executor::Timer {
 public:
  VirtualTimer(VirtualTime& time, VirtualTime::TimerId id) : time_(time), id_(id) {}
  ~VirtualTimer() override { time_.Cancel(id_); }

 private:
  VirtualTime& time_;
  const VirtualTime::TimerId id_;
};

const google::protobuf::MethodDescriptor* FindMethod(std::string_view path) {
  // Naming a table of each file makes the linker keep its descriptors.
  [[maybe_unused]] const void* volatile files[] = {
      &descriptor_table_temporal_2fapi_2fworkflowservice_2fv1_2fservice_2eproto,
      &descriptor_table_temporal_2fapi_2foperatorservice_2fv1_2fservice_2eproto};
  path.remove_prefix(1);
  std::string name(path);
  const auto slash = name.find('/');
  if (slash == std::string::npos) return nullptr;
  name[slash] = '.';
  return google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(name);
}

// As it would come over the wire.
absl::Status OnTheWire(const absl::Status& status) {
  if (status.ok()) return status;
  google::rpc::Status wire;
  wire.set_code(static_cast<int>(status.code()));
  wire.set_message(std::string(status.message()));
  if (const auto detail = base::DetailOf(status); detail.has_value()) {
    auto* any = wire.add_details();
    any->set_type_url("type.googleapis.com/" + std::string(detail->type_name));
    any->set_value(detail->bytes);
  }
  absl::Status result(status.code(), status.message());
  const std::string_view url = client::Transport::kDetailsUrl;
  const std::string bytes = wire.SerializeAsString();
  // As a view: Debian's Abseil lacks the constructor from std::string.
  result.SetPayload({url.data(), url.size()}, absl::Cord(absl::string_view(bytes)));
  return result;
}

}  // namespace

std::unique_ptr<client::Executor::Timer> VirtualExecutor::PostAfter(client::Nanos delay,
                                                                    Task task) {
  const absl::Time when = time_.Now() + absl::FromChrono(std::max(delay, client::Nanos(0)));
  return std::make_unique<VirtualTimer>(time_, time_.At(when, std::move(task)));
}

struct EngineTransport::Open {
  google::protobuf::Message* response;
  client::Executor* executor;
  Done done;
  std::shared_ptr<services::Cancellation> cancellation = std::make_shared<services::Cancellation>();
};

// Thread-safe.
class EngineTransport::OpenCalls {
 public:
  std::uint64_t Add(std::shared_ptr<Open> open) {
    const std::lock_guard lock(mutex_);
    calls_.emplace(++last_, std::move(open));
    return last_;
  }
  bool Contains(std::uint64_t id) const {
    const std::lock_guard lock(mutex_);
    return calls_.contains(id);
  }
  // Those that `executor` is to hear of.
  std::vector<std::uint64_t> Of(const client::Executor* executor) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::uint64_t> found;
    for (const auto& [id, open] : calls_) {
      if (open->executor == executor) found.push_back(id);
    }
    return found;
  }
  // The first to say so ends a call.
  void Finish(std::uint64_t id, absl::Status status,
              std::unique_ptr<google::protobuf::Message> reply) {
    const std::shared_ptr<Open> open = Take(id);
    if (open == nullptr) return;
    if (reply != nullptr) open->response->GetReflection()->Swap(open->response, reply.get());
    open->cancellation->Cancel();
    open->executor->Post(
        [open, status = std::move(status)]() mutable { open->done(OnTheWire(status)); });
  }

 private:
  std::shared_ptr<Open> Take(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(id);
    if (found == calls_.end()) return nullptr;
    std::shared_ptr<Open> open = std::move(found->second);
    calls_.erase(found);
    return open;
  }

  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<Open>> calls_;
  std::uint64_t last_ = 0;
};

class EngineTransport::Handle final : public Call {
 public:
  Handle(std::shared_ptr<OpenCalls> calls, std::uint64_t id) : calls_(std::move(calls)), id_(id) {}
  ~Handle() override { Cancel(); }
  void Cancel() override {
    calls_->Finish(id_, absl::CancelledError("canceled by its caller"), nullptr);
  }

 private:
  const std::shared_ptr<OpenCalls> calls_;
  const std::uint64_t id_;
};

EngineTransport::EngineTransport(std::shared_ptr<VirtualTime> time,
                                 std::shared_ptr<services::RpcHandler*> engine)
    : time_(std::move(time)),
      engine_(std::move(engine)),
      calls_(std::make_shared<OpenCalls>()),
      executor_(*time_) {}

std::unique_ptr<client::Transport::Call> EngineTransport::Start(
    std::string_view method, const google::protobuf::Message& request,
    google::protobuf::Message* response, const client::CallOptions& options,
    client::Executor* executor, Done done) {
  auto open = std::make_shared<Open>(Open{response, executor, std::move(done)});
  const std::uint64_t id = calls_->Add(open);
  const google::protobuf::MethodDescriptor* descriptor = FindMethod(method);
  if (descriptor == nullptr || *engine_ == nullptr) {
    calls_->Finish(id,
                   descriptor == nullptr
                       ? absl::UnimplementedError("no such method: " + std::string(method))
                       : absl::UnavailableError("the test environment is gone"),
                   nullptr);
    return std::make_unique<Handle>(calls_, id);
  }
  services::CallContext context;
  // Long polls want a deadline; this one does not come.
  context.deadline = time_->Now() + 2 * VirtualTime::kNever;
  context.cancellation = open->cancellation;
  std::unique_ptr<google::protobuf::Message> copy(request.New());
  copy->CopyFrom(request);
  // Posted, as a call from a network would come.
  time_->Post([engine = engine_, descriptor, context = std::move(context), copy = std::move(copy),
               calls = calls_, id, time = time_]() mutable {
    if (*engine == nullptr || !calls->Contains(id)) return;
    (*engine)->Call(
        *descriptor, std::move(context), std::move(copy),
        [calls, id, time](absl::StatusOr<std::unique_ptr<google::protobuf::Message>> reply) {
          // Not inside the engine: `calls` may change while it is at work.
          time->Post([calls, id, reply = std::move(reply)]() mutable {
            if (!reply.ok()) return calls->Finish(id, reply.status(), nullptr);
            calls->Finish(id, absl::OkStatus(), *std::move(reply));
          });
        });
  });
  return std::make_unique<Handle>(calls_, id);
}

std::unique_ptr<client::Executor> EngineTransport::NewExecutor(std::string_view name) {
  return std::make_unique<VirtualExecutor>(*time_);
}

class EngineTransport::DrivenEvent final : public Event {
 public:
  DrivenEvent(EngineTransport& transport, std::shared_ptr<VirtualTime> time)
      : transport_(transport), time_(std::move(time)) {}
  void Set() override {
    is_set_ = true;
    // Whoever drives looks again.
    time_->Post([] {});
  }
  bool Wait(client::Nanos limit) override {
    const absl::Time end = limit == client::Nanos::max() ? absl::InfiniteFuture()
                                                         : time_->Now() + absl::FromChrono(limit);
    while (!time_->Drive([this] { return is_set_.load(); }, end)) {
      if (end != absl::InfiniteFuture()) return false;
      transport_.FailWaiting();
    }
    return true;
  }

 private:
  EngineTransport& transport_;
  const std::shared_ptr<VirtualTime> time_;
  std::atomic<bool> is_set_{false};
};

std::shared_ptr<client::Transport::Event> EngineTransport::NewEvent() {
  return std::make_shared<DrivenEvent>(*this, time_);
}

void EngineTransport::FailWaiting() {
  for (const std::uint64_t id : calls_->Of(&executor_)) {
    calls_->Finish(id,
                   absl::FailedPreconditionError(
                       "nothing can happen any more: no timer is left, no activity runs, and "
                       "whatever the workflow waits for is not coming (is a worker running?)"),
                   nullptr);
  }
}

}  // namespace perdure::testing
