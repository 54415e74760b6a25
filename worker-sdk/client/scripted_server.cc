#include "worker-sdk/client/scripted_server.h"

#include <atomic>
#include <chrono>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"
#include "worker-sdk/client/transport.h"

namespace perdure::client {
namespace {

std::string Bytes(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

grpc::Status ToGrpc(const absl::Status& status) {
  const auto details = status.GetPayload(
      absl::string_view(Transport::kDetailsUrl.data(), Transport::kDetailsUrl.size()));
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()),
                      details ? std::string(*details) : std::string());
}

}  // namespace

class ScriptedServer::Reactor final : public grpc::ServerGenericBidiReactor {
 public:
  Reactor(ScriptedServer* server, grpc::GenericCallbackServerContext* context) : server_(server) {
    const std::string& path = context->method();
    call_.method = path.substr(path.rfind('/') + 1);
    for (const auto& [key, value] : context->client_metadata()) {
      call_.metadata.emplace(std::string(key.data(), key.size()),
                             std::string(value.data(), value.size()));
    }
    StartRead(&request_);
  }
  void OnReadDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status(grpc::StatusCode::INTERNAL, "no request"));
      return;
    }
    call_.request = Bytes(request_);
    Reply reply = server_->Answer(call_);
    if (!reply) {
      HoldOrCancel();
      return;
    }
    if (!reply->ok()) {
      Finish(ToGrpc(reply->status()));
      return;
    }
    const grpc::Slice slice(**reply);
    response_ = grpc::ByteBuffer(&slice, 1);
    StartWriteAndFinish(&response_, grpc::WriteOptions(), grpc::Status::OK);
  }
  void OnCancel() override { HoldOrCancel(); }
  // Callback reactors own themselves.
  void OnDone() override { const std::unique_ptr<Reactor> self(this); }

 private:
  // Comes from both sides, on two threads and in either order: a client that is told by the handler
  // may cancel before the handler's return says that the call is held. The second one ends the
  // call.
  void HoldOrCancel() {
    if (steps_.fetch_add(1) == 0) return;
    {
      const std::lock_guard lock(server_->mutex_);
      ++server_->canceled_;
      server_->canceled_changed_.notify_all();
    }
    Finish(grpc::Status::CANCELLED);
  }

  ScriptedServer* const server_;
  ScriptedCall call_;
  grpc::ByteBuffer request_, response_;
  std::atomic<int> steps_{0};
};

class ScriptedServer::Service final : public grpc::CallbackGenericService {
 public:
  explicit Service(ScriptedServer* server) : server_(server) {}
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return std::make_unique<Reactor>(server_, context).release();
  }

 private:
  ScriptedServer* const server_;
};

ScriptedServer::ScriptedServer() : ScriptedServer(grpc::InsecureServerCredentials()) {}

ScriptedServer::ScriptedServer(const std::shared_ptr<grpc::ServerCredentials>& credentials)
    : service_(std::make_unique<Service>(this)) {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", credentials, &port);
  builder.RegisterCallbackGenericService(service_.get());
  server_ = builder.BuildAndStart();
  target_ = "127.0.0.1:" + std::to_string(port);
}

ScriptedServer::~ScriptedServer() {
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  server_->Wait();
  // Behind the last of the threads that answered, which gRPC waited for unseen by the sanitizer.
  const std::lock_guard lock(mutex_);
}

void ScriptedServer::On(const std::string& method, Handler handler) {
  const std::lock_guard lock(mutex_);
  handlers_[method] = std::move(handler);
}

ScriptedServer::Reply ScriptedServer::Answer(const ScriptedCall& call) {
  const std::lock_guard lock(mutex_);
  calls_.push_back(call);
  const auto found = handlers_.find(call.method);
  if (found == handlers_.end()) return absl::UnimplementedError("not scripted: " + call.method);
  return found->second(call);
}

std::vector<ScriptedCall> ScriptedServer::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

std::int64_t ScriptedServer::CountOf(const std::string& method) const {
  const std::lock_guard lock(mutex_);
  return std::count_if(calls_.begin(), calls_.end(),
                       [&](const ScriptedCall& call) { return call.method == method; });
}

std::int64_t ScriptedServer::canceled() const {
  const std::lock_guard lock(mutex_);
  return canceled_;
}

bool ScriptedServer::WaitForCanceled(std::int64_t count) const {
  std::unique_lock lock(mutex_);
  return canceled_changed_.wait_for(lock, std::chrono::seconds(10),
                                    [&] { return canceled_ >= count; });
}

}  // namespace perdure::client
