#include "rpc/peer_server.h"

#include <deque>
#include <map>
#include <set>
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
#include "rpc/peer_wire.h"
#include "rpc/wire.h"

namespace perdure::rpc {
namespace {

namespace wire = cluster::wire;

// Pings of nodes that have nothing to say are no attack.
constexpr int kPingMinMs = 500;

// Who handles, while somebody does. Shared by the server and its streams.
class Door {
 public:
  void Open(cluster::NodeHandler& handler) {
    absl::MutexLock lock(&mutex_);
    handler_ = &handler;
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
        return handler_->Handle(std::move(request), std::move(cancellation), std::move(reply));
      }
    }
    std::move(reply)(base::ShardMoved());
  }

 private:
  absl::Mutex mutex_;
  cluster::NodeHandler* handler_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

// What is open on one stream. Shared by the reactor and the answers under way, which may come when
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

// Owns itself, until gRPC is done with it.
class Reactor final : public grpc::ServerGenericBidiReactor {
 public:
  Reactor(Door& door, const PeerProtocol& protocol, base::Counter* refusals, std::string peer)
      : protocol_(protocol),
        refusals_(refusals),
        peer_(std::move(peer)),
        session_(std::make_shared<Session>(door, [this](const wire::Frames& frames) {
          written_ = Serialize(frames);
          StartWrite(&written_);
        })) {
    wire::Frame hello;
    hello.mutable_hello()->set_protocol(protocol_.current);
    session_->Say(std::move(hello));
    StartRead(&read_);
  }

  void OnReadDone(bool ok) override {
    wire::Frames frames;
    if (!ok || !Parse(read_, frames).ok()) return Over();
    if (const absl::Status status = CheckHello(frames); !status.ok()) return Refuse(status);
    session_->Take(std::move(frames));
    read_.Clear();
    StartRead(&read_);
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Over();
    session_->Written();
  }
  void OnCancel() override { Over(); }
  void OnDone() override { delete this; }

 private:
  void Over(const grpc::Status& status = grpc::Status::OK) {
    // After this nothing is written any more.
    session_->End();
    if (!is_over_.exchange(true)) Finish(status);
  }

  // The first frame is the hello.
  absl::Status CheckHello(const wire::Frames& frames) {
    if (was_greeted_) return absl::OkStatus();
    was_greeted_ = true;
    const bool is_hello = frames.frames_size() > 0 && frames.frames(0).has_hello();
    return CheckProtocol(protocol_, is_hello ? frames.frames(0).hello().protocol() : 0);
  }

  void Refuse(const absl::Status& status) {
    if (refusals_ != nullptr) refusals_->Add();
    base::LogError("another node is of a version that cannot work with this one",
                   {{"address", peer_}, {"error", status}});
    Over({grpc::StatusCode::FAILED_PRECONDITION, std::string(status.message())});
  }

  const PeerProtocol protocol_;
  base::Counter* const refusals_;  // may be null
  const std::string peer_;
  bool was_greeted_ = false;
  grpc::ByteBuffer read_;
  grpc::ByteBuffer written_;
  std::atomic<bool> is_over_{false};
  const std::shared_ptr<Session> session_;
};

class Refusal final : public grpc::ServerGenericBidiReactor {
 public:
  Refusal() { Finish({grpc::StatusCode::UNIMPLEMENTED, "nodes have one method: Exchange"}); }
  void OnDone() override { delete this; }
};

class NodeService final : public grpc::CallbackGenericService {
 public:
  NodeService(const PeerProtocol& protocol, base::Metrics* metrics)
      : protocol_(protocol), refusals_(RefusalCounter(metrics, "called")) {}
  Door& door() { return door_; }

 private:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    if (context->method() != kExchangeMethod) return new Refusal();
    return new Reactor(door_, protocol_, refusals_, context->peer());
  }

  const PeerProtocol protocol_;
  base::Counter* const refusals_;  // may be null
  Door door_;
};

class GrpcPeerServer final : public PeerServer {
 public:
  explicit GrpcPeerServer(const PeerServerOptions& options)
      : service_(options.protocol, options.metrics) {
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
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
  }
  ~GrpcPeerServer() override {
    Close();
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  }
  bool is_listening() const { return server_ != nullptr && port_ != 0; }
  int port() const override { return port_; }
  void Open(cluster::NodeHandler& handler) override { service_.door().Open(handler); }
  void Close() override { service_.door().Close(); }

 private:
  NodeService service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PeerServer>> PeerServer::Start(const PeerServerOptions& options) {
  if (!options.tls.is_plain()) {
    if (auto status = CheckTlsFiles(options.tls); !status.ok()) return status;
  }
  auto server = std::make_unique<GrpcPeerServer>(options);
  if (!server->is_listening()) {
    return base::Unavailable(
        absl::StrCat("can't listen on ", options.ip, ":", options.port, " for other nodes"));
  }
  return server;
}

}  // namespace perdure::rpc
