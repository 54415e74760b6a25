// The default of every interceptor's method: to pass the call on.
#include "perdure/client_calls.h"

#include <utility>

#include "perdure/raw.h"
#include "perdure/schedule.h"

namespace perdure {

StartOutput ClientInterceptor::start_workflow(StartInput& input, ClientCalls& next) {
  return next.start_workflow(input);
}
StartOutput ClientInterceptor::signal_with_start(SignalWithStartInput& input, ClientCalls& next) {
  return next.signal_with_start(input);
}
UpdateWithStartOutput ClientInterceptor::update_with_start(UpdateWithStartInput& input,
                                                           ClientCalls& next) {
  return next.update_with_start(input);
}
void ClientInterceptor::signal_workflow(SignalInput& input, ClientCalls& next) {
  next.signal_workflow(input);
}
Payloads ClientInterceptor::query_workflow(QueryInput& input, ClientCalls& next) {
  return next.query_workflow(input);
}
UpdateOutput ClientInterceptor::start_update(UpdateInput& input, ClientCalls& next) {
  return next.start_update(input);
}
UpdateOutput ClientInterceptor::poll_update(PollUpdateInput& input, ClientCalls& next) {
  return next.poll_update(input);
}
void ClientInterceptor::cancel_workflow(CancelInput& input, ClientCalls& next) {
  next.cancel_workflow(input);
}
void ClientInterceptor::terminate_workflow(TerminateInput& input, ClientCalls& next) {
  next.terminate_workflow(input);
}
WorkflowDescription ClientInterceptor::describe_workflow(RunTarget& target, ClientCalls& next) {
  return next.describe_workflow(target);
}
ResultOutput ClientInterceptor::workflow_result(ResultInput& input, ClientCalls& next) {
  return next.workflow_result(input);
}
std::string ClientInterceptor::fetch_history(HistoryInput& input, ClientCalls& next) {
  return next.fetch_history(input);
}
ListOutput ClientInterceptor::list_workflows(ListInput& input, ClientCalls& next) {
  return next.list_workflows(input);
}
WorkflowCount ClientInterceptor::count_workflows(const std::string& query, ClientCalls& next) {
  return next.count_workflows(query);
}
void ClientInterceptor::complete_activity(ActivityTarget& target, Payloads& result,
                                          ClientCalls& next) {
  next.complete_activity(target, result);
}
void ClientInterceptor::fail_activity(ActivityTarget& target, FailurePtr failure,
                                      Payloads& last_details, ClientCalls& next) {
  next.fail_activity(target, std::move(failure), last_details);
}
void ClientInterceptor::report_activity_canceled(ActivityTarget& target, Payloads& details,
                                                 ClientCalls& next) {
  next.report_activity_canceled(target, details);
}
ActivityHeartbeatOutput ClientInterceptor::heartbeat_activity(ActivityTarget& target,
                                                              Payloads& details,
                                                              ClientCalls& next) {
  return next.heartbeat_activity(target, details);
}
void ClientInterceptor::create_schedule(CreateScheduleInput& input, ClientCalls& next) {
  next.create_schedule(input);
}
ScheduleDescription ClientInterceptor::describe_schedule(ScheduleTarget& target,
                                                         ClientCalls& next) {
  return next.describe_schedule(target);
}
void ClientInterceptor::update_schedule(UpdateScheduleInput& input, ClientCalls& next) {
  next.update_schedule(input);
}
void ClientInterceptor::patch_schedule(PatchScheduleInput& input, ClientCalls& next) {
  next.patch_schedule(input);
}
void ClientInterceptor::delete_schedule(ScheduleTarget& target, ClientCalls& next) {
  next.delete_schedule(target);
}
ListSchedulesOutput ClientInterceptor::list_schedules(ListSchedulesInput& input,
                                                      ClientCalls& next) {
  return next.list_schedules(input);
}
void ClientInterceptor::call_raw(RawCallInput& input, ClientCalls& next) { next.call_raw(input); }

}  // namespace perdure
