#include "worker-sdk/client/interceptor_chain.h"

#include <utility>

#include "perdure/raw.h"
#include "perdure/schedule.h"

namespace perdure::client {
namespace {

// One interceptor and what comes after it.
class Link final : public ClientCalls {
 public:
  Link(std::shared_ptr<ClientInterceptor> interceptor, std::shared_ptr<ClientCalls> next)
      : interceptor_(std::move(interceptor)), next_(std::move(next)) {}

  std::shared_ptr<ClientCalls> with_stop(std::stop_token stop) const override {
    return std::make_shared<Link>(interceptor_, next_->with_stop(std::move(stop)));
  }

  std::shared_ptr<FailureConverter> failure_converter() const override {
    return next_->failure_converter();
  }

  StartOutput start_workflow(StartInput& input) override {
    return interceptor_->start_workflow(input, *next_);
  }
  StartOutput signal_with_start(SignalWithStartInput& input) override {
    return interceptor_->signal_with_start(input, *next_);
  }
  UpdateWithStartOutput update_with_start(UpdateWithStartInput& input) override {
    return interceptor_->update_with_start(input, *next_);
  }
  void signal_workflow(SignalInput& input) override {
    interceptor_->signal_workflow(input, *next_);
  }
  Payloads query_workflow(QueryInput& input) override {
    return interceptor_->query_workflow(input, *next_);
  }
  UpdateOutput start_update(UpdateInput& input) override {
    return interceptor_->start_update(input, *next_);
  }
  UpdateOutput poll_update(PollUpdateInput& input) override {
    return interceptor_->poll_update(input, *next_);
  }
  void cancel_workflow(CancelInput& input) override {
    interceptor_->cancel_workflow(input, *next_);
  }
  void terminate_workflow(TerminateInput& input) override {
    interceptor_->terminate_workflow(input, *next_);
  }
  WorkflowDescription describe_workflow(RunTarget& target) override {
    return interceptor_->describe_workflow(target, *next_);
  }
  ResultOutput workflow_result(ResultInput& input) override {
    return interceptor_->workflow_result(input, *next_);
  }
  std::string fetch_history(HistoryInput& input) override {
    return interceptor_->fetch_history(input, *next_);
  }
  ListOutput list_workflows(ListInput& input) override {
    return interceptor_->list_workflows(input, *next_);
  }
  WorkflowCount count_workflows(const std::string& query) override {
    return interceptor_->count_workflows(query, *next_);
  }
  void complete_activity(ActivityTarget& target, Payloads& result) override {
    interceptor_->complete_activity(target, result, *next_);
  }
  void fail_activity(ActivityTarget& target, FailurePtr failure, Payloads& last_details) override {
    interceptor_->fail_activity(target, std::move(failure), last_details, *next_);
  }
  void report_activity_canceled(ActivityTarget& target, Payloads& details) override {
    interceptor_->report_activity_canceled(target, details, *next_);
  }
  ActivityHeartbeatOutput heartbeat_activity(ActivityTarget& target, Payloads& details) override {
    return interceptor_->heartbeat_activity(target, details, *next_);
  }
  void create_schedule(CreateScheduleInput& input) override {
    interceptor_->create_schedule(input, *next_);
  }
  ScheduleDescription describe_schedule(ScheduleTarget& target) override {
    return interceptor_->describe_schedule(target, *next_);
  }
  void update_schedule(UpdateScheduleInput& input) override {
    interceptor_->update_schedule(input, *next_);
  }
  void patch_schedule(PatchScheduleInput& input) override {
    interceptor_->patch_schedule(input, *next_);
  }
  void delete_schedule(ScheduleTarget& target) override {
    interceptor_->delete_schedule(target, *next_);
  }
  ListSchedulesOutput list_schedules(ListSchedulesInput& input) override {
    return interceptor_->list_schedules(input, *next_);
  }
  void call_raw(RawCallInput& input) override { interceptor_->call_raw(input, *next_); }

 private:
  const std::shared_ptr<ClientInterceptor>
      interceptor_;  // Shared with the options of other clients.
  const std::shared_ptr<ClientCalls> next_;
};

}  // namespace

std::shared_ptr<ClientCalls> Intercepted(
    std::shared_ptr<ClientCalls> server,
    const std::vector<std::shared_ptr<ClientInterceptor>>& interceptors) {
  std::shared_ptr<ClientCalls> calls = std::move(server);
  for (auto interceptor = interceptors.rbegin(); interceptor != interceptors.rend();
       ++interceptor) {
    calls = std::make_shared<Link>(*interceptor, std::move(calls));
  }
  return calls;
}

}  // namespace perdure::client
