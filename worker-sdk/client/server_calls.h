// The calls of a client as requests to a server: the end of the chain of interceptors.
//
// Thread-safe; owned by the client with its connection.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <utility>

#include "perdure/client_calls.h"
#include "worker-sdk/client/connection.h"

namespace perdure::client {

#define PERDURE_WORKFLOW_METHOD(name) "/temporal.api.workflowservice.v1.WorkflowService/" name

class ServerCalls final : public ClientCalls {
 public:
  explicit ServerCalls(std::shared_ptr<Connection> connection, std::stop_token stop = {})
      : connection_(std::move(connection)), stop_(std::move(stop)) {}

  std::shared_ptr<ClientCalls> with_stop(std::stop_token stop) const override;

  std::shared_ptr<FailureConverter> failure_converter() const override {
    return connection_->failure_converter();
  }

  StartOutput start_workflow(StartInput& input) override;
  StartOutput signal_with_start(SignalWithStartInput& input) override;
  UpdateWithStartOutput update_with_start(UpdateWithStartInput& input) override;
  void signal_workflow(SignalInput& input) override;
  Payloads query_workflow(QueryInput& input) override;
  UpdateOutput start_update(UpdateInput& input) override;
  UpdateOutput poll_update(PollUpdateInput& input) override;
  void cancel_workflow(CancelInput& input) override;
  void terminate_workflow(TerminateInput& input) override;
  WorkflowDescription describe_workflow(RunTarget& target) override;
  ResultOutput workflow_result(ResultInput& input) override;
  std::string fetch_history(HistoryInput& input) override;
  ListOutput list_workflows(ListInput& input) override;
  WorkflowCount count_workflows(const std::string& query) override;
  void complete_activity(ActivityTarget& target, Payloads& result) override;
  void fail_activity(ActivityTarget& target, FailurePtr failure, Payloads& last_details) override;
  void report_activity_canceled(ActivityTarget& target, Payloads& details) override;
  ActivityHeartbeatOutput heartbeat_activity(ActivityTarget& target, Payloads& details) override;
  void create_schedule(CreateScheduleInput& input) override;
  ScheduleDescription describe_schedule(ScheduleTarget& target) override;
  void update_schedule(UpdateScheduleInput& input) override;
  void patch_schedule(PatchScheduleInput& input) override;
  void delete_schedule(ScheduleTarget& target) override;
  ListSchedulesOutput list_schedules(ListSchedulesInput& input) override;
  void call_raw(RawCallInput& input) override;

 private:
  absl::Status Send(CallKind kind, std::string_view method, google::protobuf::Message* request,
                    google::protobuf::Message* response) const {
    return connection_->Call(kind, method, request, response, {.stop = stop_});
  }

  const std::shared_ptr<Connection> connection_;  // Shared with the client's handles and workers.
  const std::stop_token stop_;                    // Ends every call.
};

// A random UUID, for request ids and for workflows that were given none.
std::string RandomId();

}  // namespace perdure::client
