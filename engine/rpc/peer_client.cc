#include "rpc/peer_client.h"

#include <deque>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/errors.h"
#include "base/log.h"
#include "cluster/wire.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/support/channel_arguments.h"
#include "rpc/peer_wire.h"
#include "rpc/tag.h"

namespace perdure::rpc {
namespace {

namespace wire = cluster::wire;
using Reply = services::Reply<std::string>;

// A node that is frozen or cut off shows by it that it answers no ping.
constexpr int kPingMs = 2000;
constexpr int kPingAnswerMs = 2000;
constexpr int kReconnectMinMs = 20;
constexpr int kReconnectMaxMs = 500;
// What an attempt to connect is given at least, TLS and greetings included. What fails by it is
// told that it did not begin, so it is more than a busy node needs.
constexpr int kConnectMs = 1000;
// Longer than the caller waits: then nobody does.
constexpr absl::Duration kOverdue = absl::Seconds(2);
constexpr absl::Duration kSweep = absl::Seconds(1);
constexpr absl::Duration kRefusalLogInterval = absl::Minutes(1);

absl::Status Stopping() { return base::Unavailable("the server is stopping"); }

std::shared_ptr<grpc::Channel> Connect(const std::string& address, const TlsFiles& tls) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kPeerMessageMax);
  arguments.SetMaxSendMessageSize(kPeerMessageMax);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kPingMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingAnswerMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMinMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectMs);  // gRPC's name for it
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMaxMs);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Not one connection for all who speak to that address from this process.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, MakeChannelCredentials(tls), arguments);
}

using Stub = grpc::TemplatedGenericStub<wire::Frames, wire::Frames>;

class Stream;

// What is open with one node. Outlives its streams.
class Link : public std::enable_shared_from_this<Link> {
 public:
  Link(runtime::Loop& loop, CallQueue calls, const std::string& address, const PeerOptions& options)
      : loop_(loop),
        calls_(calls),
        address_(address),
        protocol_(options.protocol),
        refusals_(RefusalCounter(options.metrics, "caller")),
        stub_(Connect(address, options.tls)) {}

  void Call(wire::Request request, const services::CallContext& context, Reply reply);
  void EndOverdue(absl::Time now);
  void AskToEnd();
  void AwaitAnswers(absl::Time until);
  void End();

  // From the stream.
  void OnFrames(Stream* stream, wire::Frames frames);
  void OnWritten(Stream* stream);
  void OnBroken(Stream* stream, const grpc::Status& status);

 private:
  struct Open {
    Reply reply;
    absl::Time overdue = absl::InfiniteFuture();
    bool is_written = false;
  };

  void Begin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteMore() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeHello(const wire::Hello& hello) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteRefusal(const std::string& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Cancel(uint64_t id);
  void WriteCancel(uint64_t id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  runtime::Loop& loop_;
  const CallQueue calls_;
  const std::string address_;
  const PeerProtocol protocol_;
  base::Counter* const refusals_;  // may be null
  Stub stub_;

  absl::Mutex mutex_;
  Stream* stream_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool is_up_ ABSL_GUARDED_BY(mutex_) = false;  // the other side has said hello
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_answering_ ABSL_GUARDED_BY(mutex_) = false;  // those whom a broken stream left
  bool is_ending_ ABSL_GUARDED_BY(mutex_) = false;     // the others were asked to end all calls
  bool is_over_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time refusal_logged_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<wire::Frame> to_write_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, Open> open_ ABSL_GUARDED_BY(mutex_);
};

// One life of a connection. Owns itself, and goes when gRPC holds no operation of it: at most one
// read and one write, and the finish after both.
class Stream final {
 public:
  Stream(std::shared_ptr<Link> link, Stub& stub, grpc::CompletionQueue* queue, uint32_t protocol)
      : link_(std::move(link)),
        protocol_(protocol),
        call_(stub.PrepareCall(&context_, kExchangeMethod, queue)),
        started_(this, &Stream::OnStarted),
        read_(this, &Stream::OnRead),
        written_(this, &Stream::OnWritten),
        finished_(this, &Stream::OnFinished) {}

  // Says hello first; Link::OnWritten comes when that is done.
  void Start() { call_->StartCall(static_cast<Tag*>(&started_)); }
  void Cancel() { context_.TryCancel(); }
  // When the write before it is done, and from any thread. Dropped on a stream that has broken.
  void Write(const wire::Frames& frames) {
    absl::MutexLock lock(&mutex_);
    if (is_broken_) return;
    is_writing_ = true;
    call_->Write(frames, static_cast<Tag*>(&written_));
  }

 private:
  void OnStarted(bool ok) {
    if (!ok) return Broken();
    {
      absl::MutexLock lock(&mutex_);
      is_reading_ = true;
      call_->Read(&incoming_, static_cast<Tag*>(&read_));
    }
    wire::Frames hello;
    hello.add_frames()->mutable_hello()->set_protocol(protocol_);
    Write(hello);
  }
  void OnRead(bool ok) {
    if (ok) {
      link_->OnFrames(this, std::exchange(incoming_, wire::Frames()));
      call_->Read(&incoming_, static_cast<Tag*>(&read_));
      return;
    }
    {
      absl::MutexLock lock(&mutex_);
      is_reading_ = false;
    }
    Broken();
  }
  void OnWritten(bool ok) {
    bool is_broken = false;
    {
      absl::MutexLock lock(&mutex_);
      is_writing_ = false;
      is_broken = is_broken_ || !ok;
    }
    if (is_broken) return Broken();
    link_->OnWritten(this);
  }
  // What is still with gRPC fails by itself; the status says why.
  void Broken() {
    absl::MutexLock lock(&mutex_);
    is_broken_ = true;
    if (is_reading_ || is_writing_ || is_finishing_) return;
    is_finishing_ = true;
    call_->Finish(&status_, static_cast<Tag*>(&finished_));
  }
  void OnFinished(bool ok) {
    link_->OnBroken(this, status_);
    delete this;
  }

  const std::shared_ptr<Link> link_;
  const uint32_t protocol_;
  grpc::ClientContext context_;
  const std::unique_ptr<grpc::ClientAsyncReaderWriter<wire::Frames, wire::Frames>> call_;
  wire::Frames incoming_;
  grpc::Status status_;
  MemberTag<Stream> started_;
  MemberTag<Stream> read_;
  MemberTag<Stream> written_;
  MemberTag<Stream> finished_;
  absl::Mutex mutex_;
  bool is_reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_broken_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_finishing_ ABSL_GUARDED_BY(mutex_) = false;
};

void Link::Call(wire::Request request, const services::CallContext& context, Reply reply) {
  uint64_t id = 0;
  {
    absl::MutexLock lock(&mutex_);
    if (!is_over_) {
      id = ++last_id_;
      Open& open = open_[id];
      open.reply = std::move(reply);
      if (request.timeout_us() > 0) {
        open.overdue = loop_.Now() + absl::Microseconds(request.timeout_us()) + kOverdue;
      }
      wire::Frame& frame = to_write_.emplace_back();
      frame.set_id(id);
      *frame.mutable_request() = std::move(request);
      if (stream_ == nullptr) Begin();
      WriteMore();
    }
  }
  if (id == 0) return std::move(reply)(Stopping());
  if (context.cancellation != nullptr) {
    context.cancellation->OnCancel([weak = weak_from_this(), id] {
      if (const auto self = weak.lock()) self->Cancel(id);
    });
  }
}

void Link::Begin() {
  stream_ = new Stream(shared_from_this(), stub_, calls_.get(), protocol_.current);
  is_up_ = false;
  is_writing_ = true;  // the hello
  stream_->Start();
}

void Link::WriteMore() {
  if (!is_up_ || is_writing_ || to_write_.empty()) return;
  wire::Frames batch;
  size_t bytes = 0;
  while (!to_write_.empty() && bytes < kPeerBatchBytes) {
    wire::Frame frame = std::move(to_write_.front());
    to_write_.pop_front();
    const auto found = open_.find(frame.id());
    if (frame.has_request()) {
      // Canceled or overdue before it went.
      if (found == open_.end()) continue;
      found->second.is_written = true;
    }
    bytes += frame.ByteSizeLong();
    *batch.add_frames() = std::move(frame);
  }
  if (batch.frames_size() == 0) return;
  is_writing_ = true;
  stream_->Write(batch);
}

void Link::OnWritten(Stream* stream) {
  absl::MutexLock lock(&mutex_);
  if (stream != stream_) return;
  is_writing_ = false;
  WriteMore();
}

void Link::TakeHello(const wire::Hello& hello) {
  const absl::Status status = CheckProtocol(protocol_, hello.protocol());
  if (!status.ok()) {
    NoteRefusal(std::string(status.message()));
    return stream_->Cancel();
  }
  is_up_ = true;
  WriteMore();
}

// Each call tries anew: said once in a while, counted always.
void Link::NoteRefusal(const std::string& why) {
  if (refusals_ != nullptr) refusals_->Add();
  const absl::Time now = loop_.Now();
  if (now - refusal_logged_ < kRefusalLogInterval) return;
  refusal_logged_ = now;
  base::LogError("another node is of a version that cannot work with this one",
                 {{"address", address_}, {"error", why}});
}

void Link::OnFrames(Stream* stream, wire::Frames frames) {
  std::vector<std::pair<Reply, wire::Answer>> answered;
  bool is_ending = false;
  {
    absl::MutexLock lock(&mutex_);
    if (stream != stream_) return;
    is_ending = is_ending_;
    for (wire::Frame& frame : *frames.mutable_frames()) {
      if (frame.has_hello()) TakeHello(frame.hello());
      const auto found = open_.find(frame.id());
      if (!frame.has_answer() || found == open_.end()) continue;
      answered.emplace_back(std::move(found->second.reply), std::move(*frame.mutable_answer()));
      open_.erase(found);
    }
  }
  for (auto& [reply, answer] : answered) {
    if (answer.code() != 0) {
      absl::Status status = cluster::StatusOf(answer);
      // The caller did not ask for it.
      const bool is_of_ours = is_ending && absl::IsCancelled(status);
      std::move(reply)(is_of_ours ? Stopping() : std::move(status));
    } else {
      std::move(reply)(std::move(*answer.mutable_body()));
    }
  }
}

void Link::OnBroken(Stream* stream, const grpc::Status& status) {
  absl::flat_hash_map<uint64_t, Open> open;
  bool was_up = false;
  bool is_over = false;
  {
    absl::MutexLock lock(&mutex_);
    if (stream != stream_) return;
    stream_ = nullptr;
    is_answering_ = true;
    is_over = is_over_;
    was_up = std::exchange(is_up_, false);
    is_writing_ = false;
    to_write_.clear();
    open.swap(open_);
    if (status.error_code() == grpc::StatusCode::FAILED_PRECONDITION) {
      NoteRefusal(status.error_message());
    }
  }
  if (was_up) {
    base::LogInfo("a connection to another node ended",
                  {{"address", address_}, {"error", status.error_message()}});
  }
  for (auto& [id, call] : open) {
    // What certainly did not begin may go elsewhere, while there is somebody to send it.
    const bool may_go_on = !call.is_written && !is_over;
    std::move(call.reply)(may_go_on ? base::ShardMoved()
                                    : base::Unavailable("the connection to another node was lost"));
  }
  absl::MutexLock lock(&mutex_);
  is_answering_ = false;
}

void Link::WriteCancel(uint64_t id) {
  wire::Frame& frame = to_write_.emplace_back();
  frame.set_id(id);
  frame.set_cancel(true);
}

// Nobody waits for the answer any more, and a server that stops must not.
void Link::Cancel(uint64_t id) {
  Reply reply;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = open_.find(id);
    if (found == open_.end()) return;
    if (found->second.is_written) WriteCancel(id);
    reply = std::move(found->second.reply);
    open_.erase(found);
    WriteMore();
  }
  std::move(reply)(absl::CancelledError("the caller is gone"));
}

void Link::EndOverdue(absl::Time now) {
  std::vector<Reply> overdue;
  {
    absl::MutexLock lock(&mutex_);
    for (auto it = open_.begin(); it != open_.end();) {
      const auto next = std::next(it);
      if (it->second.overdue < now) {
        overdue.push_back(std::move(it->second.reply));
        open_.erase(it);
      }
      it = next;
    }
  }
  for (Reply& reply : overdue) {
    std::move(reply)(base::Unavailable("another node did not answer in time"));
  }
}

void Link::AskToEnd() {
  absl::MutexLock lock(&mutex_);
  is_ending_ = true;
  for (const auto& [id, call] : open_) {
    if (call.is_written) WriteCancel(id);
  }
  WriteMore();
}

void Link::AwaitAnswers(absl::Time until) {
  absl::flat_hash_map<uint64_t, Open> rest;
  {
    absl::MutexLock lock(&mutex_);
    const auto is_answered = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return open_.empty(); };
    mutex_.AwaitWithDeadline(absl::Condition(&is_answered), until);
    rest.swap(open_);
  }
  for (auto& [id, call] : rest) std::move(call.reply)(Stopping());
}

void Link::End() {
  absl::MutexLock lock(&mutex_);
  is_over_ = true;
  if (stream_ != nullptr) stream_->Cancel();
  const auto is_ended = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return stream_ == nullptr && !is_answering_;
  };
  mutex_.Await(absl::Condition(&is_ended));
}

class GrpcPeers final : public NodePeers {
 public:
  GrpcPeers(runtime::Loop& loop, PeerOptions options, CallQueue calls)
      : loop_(loop),
        options_(std::move(options)),
        calls_(calls),
        alive_(std::make_shared<bool>(true)) {
    (void)RefusalCounter(options_.metrics, "caller");
    SweepLater();
  }
  ~GrpcPeers() override { GrpcPeers::Close(); }

  void Close() override {
    std::map<std::string, std::shared_ptr<Link>> links;
    {
      absl::MutexLock lock(&mutex_);
      is_over_ = true;
      links.swap(links_);
    }
    for (auto& [address, link] : links) link->End();
  }

  void EndCalls(absl::Duration patience) override {
    std::vector<std::shared_ptr<Link>> links;
    {
      absl::MutexLock lock(&mutex_);
      for (auto& [address, link] : links_) links.push_back(link);
    }
    for (const auto& link : links) link->AskToEnd();
    const absl::Time until = absl::Now() + patience;
    for (const auto& link : links) link->AwaitAnswers(until);
  }

  void Call(const services::Member& to, wire::Request request, services::CallContext context,
            Reply reply) override {
    std::shared_ptr<Link> link;
    {
      absl::MutexLock lock(&mutex_);
      if (!is_over_) {
        std::shared_ptr<Link>& entry = links_[to.address];
        if (entry == nullptr) entry = std::make_shared<Link>(loop_, calls_, to.address, options_);
        link = entry;
      }
    }
    if (link == nullptr) return std::move(reply)(Stopping());
    link->Call(std::move(request), context, std::move(reply));
  }

 private:
  void SweepLater() {
    loop_.Post([this, alive = std::weak_ptr<bool>(alive_)] {
      if (alive.expired()) return;
      loop_.AtLeisure(kSweep, [this, alive] {
        if (alive.expired()) return;
        std::vector<std::shared_ptr<Link>> links;
        {
          absl::MutexLock lock(&mutex_);
          for (auto& [address, link] : links_) links.push_back(link);
        }
        for (const auto& link : links) link->EndOverdue(loop_.Now());
        SweepLater();
      });
    });
  }

  runtime::Loop& loop_;
  const PeerOptions options_;
  const CallQueue calls_;
  absl::Mutex mutex_;
  bool is_over_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, std::shared_ptr<Link>> links_ ABSL_GUARDED_BY(mutex_);
  const std::shared_ptr<bool> alive_;
};

}  // namespace

std::unique_ptr<NodePeers> MakePeers(runtime::Loop& loop, PeerOptions options, CallQueue calls) {
  return std::make_unique<GrpcPeers>(loop, std::move(options), calls);
}

}  // namespace perdure::rpc
