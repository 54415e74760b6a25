#include "rpc/stream_service.h"

#include <deque>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/descriptor.h"
#include "grpc/health/v1/health.pb.h"
#include "rpc/inflate.h"
#include "rpc/tag.h"
#include "rpc/wire.h"

namespace perdure::rpc {
namespace {

constexpr absl::string_view kWatch = "/grpc.health.v1.Health/Watch";
constexpr absl::string_view kReflection = "/grpc.reflection.v1.ServerReflection/";
constexpr absl::string_view kReflectionAlpha = "/grpc.reflection.v1alpha.ServerReflection/";

grpc::Status UnknownMethod(absl::string_view path) {
  const std::vector<std::string> parts = absl::StrSplit(path, '/');
  if (parts.size() != 3) {
    return {grpc::StatusCode::UNIMPLEMENTED, absl::StrCat("malformed method name: \"", path, "\"")};
  }
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  if (pool->FindServiceByName(parts[1]) == nullptr) {
    return {grpc::StatusCode::UNIMPLEMENTED, absl::StrCat("unknown service ", parts[1])};
  }
  return {grpc::StatusCode::UNIMPLEMENTED,
          absl::StrCat("unknown method ", parts[2], " for service ", parts[1])};
}

}  // namespace

// One generic call. Owns itself, and goes when gRPC has told that it is done and holds no operation
// of it. At most one read and one write are with gRPC at a time; the finish comes after the writes.
class StreamCall {
 public:
  StreamCall(StreamService& service, grpc::ServerCompletionQueue& queue)
      : service_(service),
        queue_(queue),
        stream_(&context_),
        requested_(this, &StreamCall::OnRequested),
        done_(this, &StreamCall::OnDone),
        read_(this, &StreamCall::OnRead),
        written_(this, &StreamCall::OnWritten),
        finished_(this, &StreamCall::OnFinished) {
    context_.AsyncNotifyWhenDone(static_cast<Tag*>(&done_));
    service_.generic_.RequestCall(&context_, &stream_, &queue_, &queue_,
                                  static_cast<Tag*>(&requested_));
  }

  void Finish(grpc::Status status) {
    absl::MutexLock lock(&mutex_);
    if (!status_.has_value()) status_ = std::move(status);
    Advance();
  }

 private:
  void OnRequested(bool ok) {
    if (!ok) {
      delete this;
      return;
    }
    service_.open_calls_.Begin();
    service_.open_calls_.UnlessStopping([this] { service_.Listen(queue_); });
    {
      absl::MutexLock lock(&service_.mutex_);
      service_.calls_.insert(this);
    }
    const std::string& path = context_.method();
    const bool is_known = path == kWatch || absl::StartsWith(path, kReflection) ||
                          absl::StartsWith(path, kReflectionAlpha);
    if (service_.open_calls_.IsStopping()) {
      Finish({grpc::StatusCode::UNAVAILABLE, "the server is stopping"});
    } else if (auto status = Identify(); !status.ok()) {
      Finish(ToGrpcStatus(status));
    } else if (!is_known) {
      Finish(UnknownMethod(path));
    } else {
      absl::MutexLock lock(&mutex_);
      StartRead();
    }
  }

  // Only health checks are open to everybody.
  absl::Status Identify() const {
    if (!service_.guard_.is_needed() || context_.method() == kWatch) return absl::OkStatus();
    return service_.guard_.Identify(ReadCredentials(context_)).status();
  }

  void StartRead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    is_reading_ = true;
    stream_.Read(&incoming_, static_cast<Tag*>(&read_));
  }

  void OnRead(bool ok) {
    const bool is_watch = context_.method() == kWatch;
    bool is_finished = false;
    {
      absl::MutexLock lock(&mutex_);
      is_reading_ = false;
      is_finished = status_.has_value();
    }
    if (ok && !is_finished) {
      is_watch ? StartWatch() : AnswerReflection();
    } else if (!is_finished) {
      Finish(grpc::Status::OK);
    } else {
      MaybeDelete();
    }
  }

  absl::Status Read(google::protobuf::Message& request) {
    const absl::Status inflated = Inflate(incoming_, service_.request_size_max_);
    return inflated.ok() ? Parse(incoming_, request) : inflated;
  }

  void AnswerReflection() {
    grpc::reflection::v1::ServerReflectionRequest request;
    const absl::Status parsed = Read(request);
    if (!parsed.ok()) return Finish(ToGrpcStatus(parsed));
    auto answer = Serialize(service_.reflection_.Answer(request));
    absl::MutexLock lock(&mutex_);
    outgoing_.push_back(std::move(answer));
    Advance();
    StartRead();
  }

  void StartWatch() {
    grpc::health::v1::HealthCheckRequest request;
    const absl::Status parsed = Read(request);
    if (!parsed.ok()) return Finish(ToGrpcStatus(parsed));
    watched_ = request.service();
    watcher_ = service_.health_.AddWatcher([this] { SendHealth(); });
    SendHealth();
  }

  void SendHealth() {
    using Response = grpc::health::v1::HealthCheckResponse;
    Response response;
    response.set_status(service_.health_.StatusOf(watched_).value_or(Response::SERVICE_UNKNOWN));
    absl::MutexLock lock(&mutex_);
    if (last_health_ == response.status()) return;
    last_health_ = response.status();
    outgoing_.push_back(Serialize(response));
    Advance();
  }

  // Starts what may be started: the next write, or the finish.
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (is_writing_ || is_finish_sent_) return;
    if (!outgoing_.empty() && !is_done_) {
      is_writing_ = true;
      stream_.Write(outgoing_.front(), static_cast<Tag*>(&written_));
      return;
    }
    if (!status_.has_value()) return;
    is_finish_sent_ = true;
    stream_.Finish(*status_, static_cast<Tag*>(&finished_));
  }

  void OnWritten(bool ok) {
    absl::MutexLock lock(&mutex_);
    is_writing_ = false;
    outgoing_.pop_front();
    Advance();
  }

  void OnDone(bool ok) {
    {
      absl::MutexLock lock(&mutex_);
      is_done_ = true;
      if (!status_.has_value()) status_ = grpc::Status::CANCELLED;
      Advance();
    }
    MaybeDelete();
  }

  void OnFinished(bool ok) {
    {
      absl::MutexLock lock(&mutex_);
      is_finished_ = true;
    }
    MaybeDelete();
  }

  // Runs on the queue's one thread, as all the tags do.
  void MaybeDelete() {
    {
      absl::MutexLock lock(&mutex_);
      if (!is_done_ || !is_finished_ || is_reading_ || is_writing_) return;
    }
    if (watcher_.has_value()) service_.health_.RemoveWatcher(*watcher_);
    {
      absl::MutexLock lock(&service_.mutex_);
      service_.calls_.erase(this);
    }
    OpenCalls& open_calls = service_.open_calls_;
    delete this;
    open_calls.End();
  }

  StreamService& service_;
  grpc::ServerCompletionQueue& queue_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_;
  grpc::ByteBuffer incoming_;
  std::string watched_;
  std::optional<int64_t> watcher_;
  MemberTag<StreamCall> requested_;
  MemberTag<StreamCall> done_;
  MemberTag<StreamCall> read_;
  MemberTag<StreamCall> written_;
  MemberTag<StreamCall> finished_;

  absl::Mutex mutex_;
  std::deque<grpc::ByteBuffer> outgoing_ ABSL_GUARDED_BY(mutex_);
  std::optional<grpc::Status> status_ ABSL_GUARDED_BY(mutex_);  // set: finish when written out
  std::optional<int> last_health_ ABSL_GUARDED_BY(mutex_);
  bool is_reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_finish_sent_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_done_ ABSL_GUARDED_BY(mutex_) = false;
};

void StreamService::Listen(grpc::ServerCompletionQueue& queue) {
  std::make_unique<StreamCall>(*this, queue).release();
}

void StreamService::Stop() {
  absl::MutexLock lock(&mutex_);
  for (StreamCall* call : calls_) {
    call->Finish({grpc::StatusCode::UNAVAILABLE, "the server is stopping"});
  }
}

}  // namespace perdure::rpc
