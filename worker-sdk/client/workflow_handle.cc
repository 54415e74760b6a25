#include "perdure/workflow_handle.h"

#include "perdure/activity_completion.h"
#include "perdure/failure_converter.h"
#include "perdure/workflow_list.h"

namespace perdure {

Payloads UpdateHandleBase::outcome() const {
  UpdateOutput output = output_;
  if (!output.is_done()) {
    PollUpdateInput input;
    input.target.workflow_id = workflow_id_;
    input.target.run_id = output_.run_id;
    input.update_id = output_.update_id;
    output = calls_->poll_update(input);
  }
  if (output.failure) {
    UpdateFailedError error(output.update_id, workflow_id_, output.failure);
    error.convert_causes_with(calls_->failure_converter());
    throw error;
  }
  return *std::move(output.result);
}

void WorkflowHandleBase::cancel(std::string_view reason) const {
  CancelInput input;
  input.target = target_;
  input.reason = std::string(reason);
  calls_->cancel_workflow(input);
}

void WorkflowHandleBase::terminate_with(std::string_view reason, Payloads details) const {
  TerminateInput input;
  input.target = target_;
  input.reason = std::string(reason);
  input.details = std::move(details);
  calls_->terminate_workflow(input);
}

WorkflowDescription WorkflowHandleBase::describe() const {
  RunTarget target = target_;
  return calls_->describe_workflow(target);
}

History WorkflowHandleBase::fetch_history() const {
  HistoryInput input;
  input.target = target_;
  return {target_.workflow_id, calls_->fetch_history(input)};
}

void WorkflowHandleBase::send_signal(std::string_view name, Payloads arguments,
                                     const signal_options& options) const {
  SignalInput input;
  input.target = target_;
  input.name = std::string(name);
  input.args = std::move(arguments);
  if (options.headers) input.headers = *options.headers;
  input.request_id = std::string(options.request_id);
  calls_->signal_workflow(input);
}

Payloads WorkflowHandleBase::send_query(std::string_view name, Payloads arguments,
                                        const query_options& options) const {
  QueryInput input;
  input.target = target_;
  input.name = std::string(name);
  input.args = std::move(arguments);
  if (options.headers) input.headers = *options.headers;
  input.reject = options.reject;
  return calls_->query_workflow(input);
}

UpdateOutput WorkflowHandleBase::send_update(std::string_view name, Payloads arguments,
                                             const update_options& options) const {
  UpdateInput input;
  input.target = target_;
  input.update_id = std::string(options.id);
  input.name = std::string(name);
  input.args = std::move(arguments);
  if (options.headers) input.headers = *options.headers;
  input.wait_for = options.wait_for;
  return calls_->start_update(input);
}

Payloads WorkflowHandleBase::wait_for_result(const result_options& options) const {
  ResultInput input;
  input.target = target_;
  input.target.run_id = result_run_id_;
  input.follow_runs = options.follow_runs;
  return calls_->workflow_result(input).result;
}

void ActivityHandle::send_complete(Payloads result) { calls_->complete_activity(target_, result); }

void ActivityHandle::send_fail(const std::exception_ptr& error) {
  Payloads no_details;
  calls_->fail_activity(target_, detail::ToFailure(calls_->failure_converter(), error), no_details);
}

void ActivityHandle::send_canceled(Payloads details) {
  calls_->report_activity_canceled(target_, details);
}

ActivityHeartbeatOutput ActivityHandle::send_heartbeat(Payloads details) {
  return calls_->heartbeat_activity(target_, details);
}

void WorkflowList::iterator::State::fill() {
  // A page may be empty and still not be the last.
  while (index == page.executions.size() && (!is_started || !page.page_token.empty())) {
    input.page_token = page.page_token;
    page = calls->list_workflows(input);
    index = 0;
    is_started = true;
  }
}

WorkflowList::iterator WorkflowList::begin() const {
  iterator first;
  first.state_ = std::make_shared<iterator::State>();
  first.state_->calls = calls_;
  first.state_->input = input_;
  first.state_->fill();
  return first;
}

}  // namespace perdure
