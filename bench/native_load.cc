// One-activity workflows against a server of Temporal's API, driven over bare gRPC: polls and
// canned answers, so that the server is what is measured.
//
//   perdure-bench [--address A] [--in-flight N] [--count N] [--pids P,Q…]
//
// Prints workflows per second, latency, and CPU time per workflow: its own, and that of the
// processes given.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::bench {
namespace {

namespace api = temporal::api::workflowservice::v1;
namespace enums = temporal::api::enums::v1;

struct Options {
  std::string address = "127.0.0.1:7233";
  int64_t in_flight = 200;
  int64_t count = 20000;
  std::vector<int> pids;
};

// CPU seconds a process has used so far, by /proc.
double CpuSecondsOf(int pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string line;
  std::getline(file, line);
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(line.substr(name_end + 2));
  std::string field;
  double ticks = 0;
  for (int i = 3; fields >> field; ++i) {
    // Fields 14 and 15: user and system time of the process itself.
    int64_t value = 0;
    if ((i == 14 || i == 15) && absl::SimpleAtoi(field, &value))
      ticks += static_cast<double>(value);
  }
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double OwnCpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return t.tv_sec + t.tv_usec * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Load {
 public:
  explicit Load(const Options& options)
      : options_(options), run_tag_(absl::StrCat("bench-", absl::GetCurrentTimeNanos())) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    stub_ = std::make_unique<grpc::GenericStub>(
        grpc::CreateCustomChannel(options.address, grpc::InsecureChannelCredentials(), arguments));
  }

  int Run() {
    const int64_t pollers = std::min<int64_t>(options_.in_flight, 100);
    for (int64_t i = 0; i < pollers; ++i) {
      PollWorkflow();
      PollActivity();
    }
    const absl::Time begin = absl::Now();
    const double own_before = OwnCpuSeconds();
    std::vector<double> before;
    for (const int pid : options_.pids) before.push_back(CpuSecondsOf(pid));
    for (int64_t i = 0; i < std::min(options_.in_flight, options_.count); ++i) Start();
    while (completed_ < options_.count && !failed_) {
      void* tag = nullptr;
      bool ok = false;
      if (!queue_.Next(&tag, &ok)) break;
      std::unique_ptr<Call> call(static_cast<Call*>(tag));
      call->done(*call);
    }
    const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
    if (failed_) return 1;
    Report(seconds, own_before, before);
    // Polls are still open: the process ends with them.
    std::fflush(stdout);
    std::_Exit(0);
  }

 private:
  struct Call {
    grpc::ClientContext context;
    std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
    grpc::ByteBuffer response;
    grpc::Status status;
    std::function<void(Call&)> done;
  };

  template <class Response>
  void Send(const char* method, const google::protobuf::Message& request, absl::Duration timeout,
            std::function<void(const Response&)> done) {
    auto* call = new Call;
    call->context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
    const std::string bytes = request.SerializeAsString();
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer body(&slice, 1);
    call->reader = stub_->PrepareUnaryCall(
        &call->context, absl::StrCat("/temporal.api.workflowservice.v1.WorkflowService/", method),
        body, &queue_);
    call->done = [this, method, done = std::move(done)](Call& finished) {
      if (!finished.status.ok()) {
        if (completed_ >= options_.count) return;
        std::fprintf(stderr, "%s: %d %s\n", method, finished.status.error_code(),
                     finished.status.error_message().c_str());
        failed_ = ++errors_ > 100;
        return;
      }
      std::vector<grpc::Slice> slices;
      finished.response.Dump(&slices);
      std::string all;
      for (const grpc::Slice& part : slices) {
        all.append(reinterpret_cast<const char*>(part.begin()), part.size());
      }
      Response response;
      response.ParseFromString(all);
      done(response);
    };
    call->reader->StartCall();
    call->reader->Finish(&call->response, &call->status, call);
  }

  void Start() {
    api::StartWorkflowExecutionRequest request;
    const int64_t number = started_++;
    request.set_namespace_("default");
    request.set_workflow_id(absl::StrCat(run_tag_, "-", number));
    request.set_request_id(request.workflow_id());
    request.mutable_workflow_type()->set_name("bench");
    request.mutable_task_queue()->set_name(run_tag_);
    request.set_identity("bench");
    start_times_.push_back(absl::Now());
    Send<api::StartWorkflowExecutionResponse>("StartWorkflowExecution", request, absl::Seconds(30),
                                              [](const auto&) {});
  }

  void PollWorkflow() {
    api::PollWorkflowTaskQueueRequest request;
    request.set_namespace_("default");
    request.mutable_task_queue()->set_name(run_tag_);
    request.set_identity("bench");
    Send<api::PollWorkflowTaskQueueResponse>("PollWorkflowTaskQueue", request, absl::Seconds(70),
                                             [this](const auto& task) {
                                               if (!task.task_token().empty())
                                                 CompleteWorkflowTask(task);
                                               PollWorkflow();
                                             });
  }

  void CompleteWorkflowTask(const api::PollWorkflowTaskQueueResponse& task) {
    api::RespondWorkflowTaskCompletedRequest request;
    request.set_namespace_("default");
    request.set_identity("bench");
    request.set_task_token(task.task_token());
    const bool is_first = task.previous_started_event_id() == 0;
    auto* command = request.add_commands();
    if (is_first) {
      command->set_command_type(enums::COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK);
      auto* attributes = command->mutable_schedule_activity_task_command_attributes();
      attributes->set_activity_id("1");
      attributes->mutable_activity_type()->set_name("bench");
      attributes->mutable_task_queue()->set_name(run_tag_);
      attributes->mutable_start_to_close_timeout()->set_seconds(60);
    } else {
      command->set_command_type(enums::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION);
      command->mutable_complete_workflow_execution_command_attributes();
    }
    int64_t number = 0;
    const std::string& id = task.workflow_execution().workflow_id();
    // Not one of this run's: answered, but not counted.
    const bool is_ours = absl::SimpleAtoi(id.substr(id.rfind('-') + 1), &number) &&
                         number < static_cast<int64_t>(start_times_.size());
    Send<api::RespondWorkflowTaskCompletedResponse>("RespondWorkflowTaskCompleted", request,
                                                    absl::Seconds(30),
                                                    [this, is_first, is_ours, number](const auto&) {
                                                      if (!is_first && is_ours) Completed(number);
                                                    });
  }

  void Completed(int64_t number) {
    ++completed_;
    latencies_.push_back(absl::Now() - start_times_[static_cast<size_t>(number)]);
    if (started_ < options_.count) Start();
  }

  void PollActivity() {
    api::PollActivityTaskQueueRequest request;
    request.set_namespace_("default");
    request.mutable_task_queue()->set_name(run_tag_);
    request.set_identity("bench");
    Send<api::PollActivityTaskQueueResponse>(
        "PollActivityTaskQueue", request, absl::Seconds(70), [this](const auto& task) {
          if (!task.task_token().empty()) {
            api::RespondActivityTaskCompletedRequest answer;
            answer.set_namespace_("default");
            answer.set_identity("bench");
            answer.set_task_token(task.task_token());
            Send<api::RespondActivityTaskCompletedResponse>("RespondActivityTaskCompleted", answer,
                                                            absl::Seconds(30), [](const auto&) {});
          }
          PollActivity();
        });
  }

  void Report(double seconds, double own_before, const std::vector<double>& before) {
    std::sort(latencies_.begin(), latencies_.end());
    const auto at = [this](double quantile) {
      const auto index = static_cast<size_t>(quantile * static_cast<double>(latencies_.size() - 1));
      return absl::ToDoubleMilliseconds(latencies_[index]);
    };
    const auto count = static_cast<double>(completed_);
    std::printf("workflows %lld  in flight %lld  %.0f workflows/s  p50 %.2f ms  p99 %.2f ms\n",
                static_cast<long long>(completed_), static_cast<long long>(options_.in_flight),
                count / seconds, at(0.5), at(0.99));
    std::printf("CPU per workflow: load %.3f ms", (OwnCpuSeconds() - own_before) / count * 1e3);
    for (size_t i = 0; i < options_.pids.size(); ++i) {
      std::printf("  pid %d %.3f ms", options_.pids[i],
                  (CpuSecondsOf(options_.pids[i]) - before[i]) / count * 1e3);
    }
    std::printf("\n");
  }

  const Options options_;
  const std::string run_tag_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericStub> stub_;
  int64_t started_ = 0;
  int64_t completed_ = 0;
  int64_t errors_ = 0;
  bool failed_ = false;
  std::vector<absl::Time> start_times_;
  std::vector<absl::Duration> latencies_;
};

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = argv[i + 1];
    bool is_valid = true;
    if (name == "--address") {
      options.address = value;
    } else if (name == "--in-flight") {
      is_valid = absl::SimpleAtoi(value, &options.in_flight) && options.in_flight > 0;
    } else if (name == "--count") {
      is_valid = absl::SimpleAtoi(value, &options.count) && options.count > 0;
    } else if (name == "--pids") {
      for (const absl::string_view pid : absl::StrSplit(value, ',')) {
        is_valid &= absl::SimpleAtoi(pid, &options.pids.emplace_back());
      }
    } else {
      is_valid = false;
    }
    if (!is_valid) {
      std::fprintf(stderr, "perdure-bench: cannot use %s %s\n", name.c_str(), value.c_str());
      return 2;
    }
  }
  return Load(options).Run();
}

}  // namespace
}  // namespace perdure::bench

int main(int argc, char** argv) { return perdure::bench::Main(argc, argv); }
