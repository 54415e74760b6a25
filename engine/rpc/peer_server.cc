#include "rpc/peer_server.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/errors.h"
#include "base/log.h"
#include "cluster/wire.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "rpc/open_calls.h"
#include "rpc/peer_wire.h"
#include "rpc/tag.h"
#include "rpc/wire.h"

namespace perdure::rpc {
namespace {

namespace wire = cluster::wire;

// Pings of nodes that have nothing to say are no attack.
constexpr int kPingMinMs = 500;
// Between two looks for streams that come: the shorter the sooner after one has come.
constexpr absl::Duration kLookMin = absl::Milliseconds(10);
constexpr absl::Duration kLookMax = absl::Milliseconds(160);

// Who handles, while somebody does. Shared by the server and its streams.
class Door {
 public:
  void Open(PeerServer::Handler handler) {
    absl::MutexLock lock(&mutex_);
    handler_ = std::move(handler);
  }
  // Waits for those who are in.
  void Close() {
    absl::MutexLock lock(&mutex_);
    handler_ = nullptr;
  }
  void Handle(wire::Request request, std::shared_ptr<services::Cancellation> cancellation,
              services::Reply<std::string> reply) {
    {
      absl::ReaderMutexLock lock(&mutex_);
      if (handler_ != nullptr) {
        return handler_(std::move(request), std::move(cancellation), std::move(reply));
      }
    }
    std::move(reply)(base::ShardMoved());
  }

 private:
  absl::Mutex mutex_;
  PeerServer::Handler handler_ ABSL_GUARDED_BY(mutex_);
};

// What is open on one stream. Shared by the stream and the answers under way, which may come when
// the stream is gone.
class Session : public std::enable_shared_from_this<Session> {
 public:
  using Write = std::function<void(wire::Frames)>;
  Session(Door& door, Write write) : door_(door), write_(std::move(write)) {}

  void Take(wire::Frames frames) {
    for (wire::Frame& frame : *frames.mutable_frames()) {
      if (frame.has_request()) {
        Begin(frame.id(), std::move(*frame.mutable_request()));
      } else if (frame.content_case() == wire::Frame::kCancel) {
        if (const auto cancellation = Find(frame.id())) cancellation->Cancel();
      }
    }
  }

  void Say(wire::Frame frame) {
    absl::MutexLock lock(&mutex_);
    to_write_.push_back(std::move(frame));
    WriteMore();
  }

  void Written() {
    absl::MutexLock lock(&mutex_);
    is_writing_ = false;
    WriteMore();
  }

  // The stream is gone: nobody hears the answers.
  void End() {
    absl::flat_hash_map<uint64_t, std::shared_ptr<services::Cancellation>> open;
    {
      absl::MutexLock lock(&mutex_);
      write_ = nullptr;
      open.swap(open_);
    }
    for (auto& [id, cancellation] : open) cancellation->Cancel();
  }

 private:
  void Begin(uint64_t id, wire::Request request) {
    auto cancellation = std::make_shared<services::Cancellation>();
    {
      absl::MutexLock lock(&mutex_);
      if (write_ == nullptr) return;
      open_[id] = cancellation;
    }
    door_.Handle(std::move(request), std::move(cancellation),
                 [self = shared_from_this(), id](absl::StatusOr<std::string> answer) {
                   wire::Frame frame;
                   frame.set_id(id);
                   if (answer.ok()) {
                     frame.mutable_answer()->set_body(*std::move(answer));
                   } else {
                     cluster::SetStatus(answer.status(), *frame.mutable_answer());
                   }
                   self->Answered(id);
                   self->Say(std::move(frame));
                 });
  }

  void Answered(uint64_t id) {
    absl::MutexLock lock(&mutex_);
    open_.erase(id);
  }

  std::shared_ptr<services::Cancellation> Find(uint64_t id) {
    absl::MutexLock lock(&mutex_);
    const auto found = open_.find(id);
    return found == open_.end() ? nullptr : found->second;
  }

  void WriteMore() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (is_writing_ || to_write_.empty() || write_ == nullptr) return;
    wire::Frames batch;
    size_t bytes = 0;
    while (!to_write_.empty() && bytes < kPeerBatchBytes) {
      bytes += to_write_.front().ByteSizeLong();
      *batch.add_frames() = std::move(to_write_.front());
      to_write_.pop_front();
    }
    is_writing_ = true;
    write_(std::move(batch));
  }

  Door& door_;
  absl::Mutex mutex_;
  Write write_ ABSL_GUARDED_BY(mutex_);
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<wire::Frame> to_write_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, std::shared_ptr<services::Cancellation>> open_
      ABSL_GUARDED_BY(mutex_);
};

// Whom the streams belong to.
struct NodeService {
  CallQueue calls;
  PeerProtocol protocol;
  base::Counter* refusals = nullptr;  // may be null
  grpc::AsyncGenericService generic;
  std::unique_ptr<grpc::ServerCompletionQueue> arrivals;
  OpenCalls open;
  Door door;
};

// One stream of another node. Owns itself, and goes when gRPC has told that it is done and holds no
// operation of it: at most one read and one write, and the finish after both.
class Exchange final {
 public:
  static void Listen(NodeService& service) { std::make_unique<Exchange>(service).release(); }

  explicit Exchange(NodeService& service)
      : service_(service),
        session_(std::make_shared<Session>(service.door,
                                           [this](const wire::Frames& frames) { Write(frames); })),
        stream_(&context_),
        requested_(this, &Exchange::OnRequested),
        done_(this, &Exchange::OnDone),
        read_(this, &Exchange::OnRead),
        written_(this, &Exchange::OnWritten),
        finished_(this, &Exchange::OnFinished) {
    context_.AsyncNotifyWhenDone(static_cast<Tag*>(&done_));
    service_.generic.RequestCall(&context_, &stream_, service_.calls.get(), service_.arrivals.get(),
                                 static_cast<Tag*>(&requested_));
  }

 private:
  void OnRequested(bool ok) {
    if (!ok) {
      delete this;
      return;
    }
    service_.open.Begin();
    service_.open.UnlessStopping([this] { Listen(service_); });
    if (context_.method() != kExchangeMethod) {
      End({grpc::StatusCode::UNIMPLEMENTED, "nodes have one method: Exchange"});
      return MaybeDelete(/*reads_no_more=*/true);
    }
    wire::Frame hello;
    hello.mutable_hello()->set_protocol(service_.protocol.current);
    session_->Say(std::move(hello));
    stream_.Read(&incoming_, static_cast<Tag*>(&read_));
  }

  // From the session, until it has ended; from any thread.
  void Write(const wire::Frames& frames) {
    absl::MutexLock lock(&mutex_);
    if (status_.has_value()) return;
    is_writing_ = true;
    stream_.Write(Serialize(frames), static_cast<Tag*>(&written_));
  }
  void OnRead(bool ok) {
    wire::Frames frames;
    const bool is_read = ok && Parse(incoming_, frames).ok();
    const absl::Status greeting = is_read ? CheckHello(frames) : absl::OkStatus();
    if (is_read && greeting.ok()) {
      session_->Take(std::move(frames));
      incoming_.Clear();
      stream_.Read(&incoming_, static_cast<Tag*>(&read_));
      return;
    }
    End(greeting.ok() ? grpc::Status::OK : Refusal(greeting));
    MaybeDelete(/*reads_no_more=*/true);
  }
  // The first frame is the hello.
  absl::Status CheckHello(const wire::Frames& frames) {
    if (std::exchange(was_greeted_, true)) return absl::OkStatus();
    const bool is_hello = frames.frames_size() > 0 && frames.frames(0).has_hello();
    return CheckProtocol(service_.protocol, is_hello ? frames.frames(0).hello().protocol() : 0);
  }
  grpc::Status Refusal(const absl::Status& status) {
    if (service_.refusals != nullptr) service_.refusals->Add();
    base::LogError("another node is of a version that cannot work with this one",
                   {{"address", context_.peer()}, {"error", status}});
    return {grpc::StatusCode::FAILED_PRECONDITION, std::string(status.message())};
  }
  void OnWritten(bool ok) {
    {
      absl::MutexLock lock(&mutex_);
      is_writing_ = false;
    }
    if (!ok) return End(grpc::Status::OK);
    session_->Written();
    MaybeFinish();
  }
  void OnDone(bool ok) {
    End(grpc::Status::CANCELLED);
    {
      absl::MutexLock lock(&mutex_);
      is_done_ = true;
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

  // Nothing more is written or heard; a read still with gRPC ends with the connection.
  void End(const grpc::Status& status) {
    session_->End();
    {
      absl::MutexLock lock(&mutex_);
      if (!status_.has_value()) status_ = status;
    }
    MaybeFinish();
  }
  void MaybeFinish() {
    absl::MutexLock lock(&mutex_);
    if (!status_.has_value() || is_writing_ || is_finish_sent_) return;
    is_finish_sent_ = true;
    stream_.Finish(*status_, static_cast<Tag*>(&finished_));
  }
  void MaybeDelete(bool reads_no_more = false) {
    {
      absl::MutexLock lock(&mutex_);
      if (reads_no_more) is_reading_ = false;
      if (!is_done_ || !is_finished_ || is_reading_) return;
    }
    OpenCalls& open = service_.open;
    delete this;
    open.End();
  }

  NodeService& service_;
  const std::shared_ptr<Session> session_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_;
  grpc::ByteBuffer incoming_;
  MemberTag<Exchange> requested_;
  MemberTag<Exchange> done_;
  MemberTag<Exchange> read_;
  MemberTag<Exchange> written_;
  MemberTag<Exchange> finished_;
  bool was_greeted_ = false;
  absl::Mutex mutex_;
  std::optional<grpc::Status> status_ ABSL_GUARDED_BY(mutex_);  // set: nothing is written any more
  // Also while it is not yet decided whether it will: the first tag comes on a thread of its own,
  // and what comes on the queue's must not delete the stream meanwhile.
  bool is_reading_ ABSL_GUARDED_BY(mutex_) = true;
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_finish_sent_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_done_ ABSL_GUARDED_BY(mutex_) = false;
};

class GrpcPeerServer final : public PeerServer {
 public:
  GrpcPeerServer(const PeerServerOptions& options, CallQueue calls)
      : service_{.calls = calls,
                 .protocol = options.protocol,
                 .refusals = RefusalCounter(options.metrics, "called")} {
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(kPeerMessageMax);
    builder.SetMaxSendMessageSize(kPeerMessageMax);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kPingMinMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    TlsFiles tls = options.tls;
    tls.requires_client_certificate = !tls.ca.empty();
    builder.AddListeningPort(absl::StrCat(options.ip, ":", options.port),
                             MakeServerCredentials(tls), &port_);
    builder.RegisterAsyncGenericService(&service_.generic);
    service_.arrivals = builder.AddCompletionQueue();
    server_ = builder.BuildAndStart();
    if (!is_listening()) return;
    Exchange::Listen(service_);
    thread_ = std::thread([this] { TakeArrivals(); });
  }
  ~GrpcPeerServer() override {
    Close();
    service_.open.Stop();
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
    service_.open.AwaitNone(absl::InfiniteDuration());
    service_.arrivals->Shutdown();
    if (thread_.joinable()) {
      thread_.join();
    } else {
      while (TakeArrival() != grpc::CompletionQueue::SHUTDOWN) continue;
    }
  }
  bool is_listening() const { return server_ != nullptr && port_ != 0; }
  int port() const override { return port_; }
  void Open(Handler handler) override { service_.door.Open(std::move(handler)); }
  void Close() override { service_.door.Close(); }

 private:
  // Looks for streams that come, which is seldom, rather than wait for them on the queue: a thread
  // that waits there would watch the sockets of all (call_queue.h). Where nobody comes it looks
  // seldom, for a look costs a tenth of a millisecond and nodes are idle most of the time.
  void TakeArrivals() {
    absl::Duration wait = kLookMin;
    for (;;) {
      switch (TakeArrival()) {
        case grpc::CompletionQueue::GOT_EVENT:
          wait = kLookMin;
          break;
        case grpc::CompletionQueue::TIMEOUT:
          absl::SleepFor(wait);
          wait = std::min(wait * 2, kLookMax);
          break;
        case grpc::CompletionQueue::SHUTDOWN:
          return;
      }
    }
  }
  grpc::CompletionQueue::NextStatus TakeArrival() {
    void* tag = nullptr;
    bool ok = false;
    const auto status =
        service_.arrivals->AsyncNext(&tag, &ok, std::chrono::system_clock::time_point());
    if (status == grpc::CompletionQueue::GOT_EVENT) static_cast<Tag*>(tag)->Complete(ok);
    return status;
  }

  NodeService service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PeerServer>> PeerServer::Start(const PeerServerOptions& options,
                                                              CallQueue calls) {
  if (!options.tls.is_plain()) {
    if (auto status = CheckTlsFiles(options.tls); !status.ok()) return status;
  }
  auto server = std::make_unique<GrpcPeerServer>(options, calls);
  if (!server->is_listening()) {
    return base::Unavailable(
        absl::StrCat("can't listen on ", options.ip, ":", options.port, " for other nodes"));
  }
  return server;
}

}  // namespace perdure::rpc
