// Unary calls per second and server CPU per call: the server in a child process that answers at
// once, a client with many calls in flight in the parent. Usage: rpc_bench [in_flight] [seconds]
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "rpc/grpc_server.h"
#include "rpc/wire.h"

namespace perdure::rpc {
namespace {

namespace api = temporal::api::workflowservice::v1;

class EchoHandler final : public services::RpcHandler {
 public:
  void Call(const google::protobuf::MethodDescriptor& method, services::CallContext context,
            std::unique_ptr<google::protobuf::Message> request,
            services::Reply<std::unique_ptr<google::protobuf::Message>> reply) override {
    auto response = std::make_unique<api::StartWorkflowExecutionResponse>();
    response->set_run_id("01234567-89ab-cdef-0123-456789abcdef");
    std::move(reply)(std::move(response));
  }
};

[[noreturn]] void RunServer(int port_pipe) {
  EchoHandler handler;
  Health health;
  const Guard guard;
  GrpcOptions options;
  options.port = 0;
  auto server = GrpcServer::Start(options, handler, health, guard, nullptr);
  if (!server.ok()) std::_Exit(1);
  const int port = (*server)->port();
  if (write(port_pipe, &port, sizeof(port)) != sizeof(port)) std::_Exit(1);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  int signal = 0;
  sigwait(&signals, &signal);
  (*server)->Shutdown(absl::Seconds(1));
  std::_Exit(0);
}

struct ClientCall {
  std::unique_ptr<grpc::ClientContext> context;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
  grpc::ByteBuffer response;
  grpc::Status status;
};

int64_t RunClient(int port, int in_flight, absl::Duration duration) {
  auto channel =
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials());
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  api::StartWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.set_workflow_id("order-12345");
  request.mutable_workflow_type()->set_name("Order");
  request.mutable_task_queue()->set_name("orders");
  request.set_identity("1234@host");
  const grpc::ByteBuffer bytes = Serialize(request);
  const auto start = [&](ClientCall& call) {
    call.context = std::make_unique<grpc::ClientContext>();
    call.context->AddMetadata("client-name", "temporal-go");
    call.context->AddMetadata("client-version", "1.30.0");
    call.context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    call.reader = stub.PrepareUnaryCall(
        call.context.get(),
        "/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution", bytes, &queue);
    call.reader->StartCall();
    call.reader->Finish(&call.response, &call.status, &call);
  };
  std::deque<ClientCall> calls(in_flight);
  for (ClientCall& call : calls) start(call);
  const absl::Time end = absl::Now() + duration;
  int64_t count = 0;
  int open = in_flight;
  void* tag = nullptr;
  bool ok = false;
  while (open > 0 && queue.Next(&tag, &ok)) {
    auto& call = *static_cast<ClientCall*>(tag);
    if (!call.status.ok()) std::exit(1);
    ++count;
    if (absl::Now() < end) {
      start(call);
    } else {
      --open;
    }
  }
  return count;
}

}  // namespace
}  // namespace perdure::rpc

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // As the server does.
  const int in_flight = argc > 1 ? std::atoi(argv[1]) : 64;
  const double seconds = argc > 2 ? std::atof(argv[2]) : 5;
  int ports[2];
  if (pipe(ports) != 0) return 1;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const pid_t child = fork();
  if (child == 0) perdure::rpc::RunServer(ports[1]);
  int port = 0;
  if (read(ports[0], &port, sizeof(port)) != sizeof(port)) return 1;
  const int64_t count = perdure::rpc::RunClient(port, in_flight, absl::Seconds(seconds));
  kill(child, SIGTERM);
  waitpid(child, nullptr, 0);
  rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  const double cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
                     1e-6 * (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  std::printf("%.0f calls/s, server CPU %.1f us per call\n", count / seconds, 1e6 * cpu / count);
}
