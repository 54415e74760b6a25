#include "kitchen_sink.h"

#include <random>

namespace omes {
namespace {

using namespace std::chrono_literals;
namespace workflow = perdure::workflow;

perdure::activity_cancellation cancellation_of(ks::ActivityCancellationType type) {
  switch (type) {
    case ks::WAIT_CANCELLATION_COMPLETED:
      return perdure::activity_cancellation::wait_completed;
    case ks::ABANDON:
      return perdure::activity_cancellation::abandon;
    default:
      return perdure::activity_cancellation::try_cancel;
  }
}

// "Abandon" is what the message says when nothing was said: the SDK's default is used then, as the
// workers of the other SDKs do.
perdure::child_cancellation cancellation_of(ks::ChildWorkflowCancellationType type) {
  switch (type) {
    case ks::CHILD_WF_TRY_CANCEL:
      return perdure::child_cancellation::try_cancel;
    case ks::CHILD_WF_WAIT_CANCELLATION_REQUESTED:
      return perdure::child_cancellation::wait_requested;
    default:
      return perdure::child_cancellation::wait_completed;
  }
}

perdure::id_reuse_policy id_reuse_of(temporal::api::enums::v1::WorkflowIdReusePolicy policy) {
  using Policy = perdure::id_reuse_policy;
  switch (policy) {
    case temporal::api::enums::v1::WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE:
      return Policy::allow_duplicate;
    case temporal::api::enums::v1::WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY:
      return Policy::allow_duplicate_failed_only;
    case temporal::api::enums::v1::WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE:
      return Policy::reject_duplicate;
    case temporal::api::enums::v1::WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING:
      return Policy::terminate_if_running;
    default:
      return Policy::unspecified;
  }
}

perdure::activity_options remote_options(const ks::ExecuteActivityAction& action) {
  perdure::activity_options options;
  if (action.has_schedule_to_close_timeout())
    options.schedule_to_close = to_nanoseconds(action.schedule_to_close_timeout());
  if (action.has_schedule_to_start_timeout())
    options.schedule_to_start = to_nanoseconds(action.schedule_to_start_timeout());
  if (action.has_start_to_close_timeout())
    options.start_to_close = to_nanoseconds(action.start_to_close_timeout());
  if (action.has_heartbeat_timeout())
    options.heartbeat = to_nanoseconds(action.heartbeat_timeout());
  if (action.has_retry_policy()) options.retry = to_retry(action.retry_policy());
  options.cancellation = cancellation_of(action.remote().cancellation_type());
  options.task_queue = action.task_queue();
  options.eager = !action.remote().do_not_eagerly_execute();
  options.priority = {
      action.priority().priority_key(),
      action.fairness_key().empty() ? action.priority().fairness_key() : action.fairness_key(),
      action.fairness_weight() == 0 ? action.priority().fairness_weight()
                                    : action.fairness_weight()};
  return options;
}

perdure::local_activity_options local_options(const ks::ExecuteActivityAction& action) {
  perdure::local_activity_options options;
  if (action.has_schedule_to_close_timeout())
    options.schedule_to_close = to_nanoseconds(action.schedule_to_close_timeout());
  if (action.has_schedule_to_start_timeout())
    options.schedule_to_start = to_nanoseconds(action.schedule_to_start_timeout());
  if (action.has_start_to_close_timeout())
    options.start_to_close = to_nanoseconds(action.start_to_close_timeout());
  if (action.has_retry_policy()) options.retry = to_retry(action.retry_policy());
  return options;
}

template <class... A>
perdure::handle<void> start(const ks::ExecuteActivityAction& action, std::string_view name,
                            const A&... arguments) {
  if (action.has_is_local())
    return workflow::local_activity_by_name<void>(name, local_options(action), arguments...);
  return workflow::activity_by_name<void>(name, remote_options(action), arguments...);
}

// Bytes that do not compress, and are the same in each replay.
std::vector<std::uint8_t> some_bytes(std::int32_t count) {
  std::mt19937 engine(static_cast<std::uint32_t>(count));
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(std::max(count, 0)));
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(engine());
  return bytes;
}

perdure::handle<void> start_activity(const ks::ExecuteActivityAction& action) {
  if (!action.headers().empty()) refuse("exec_activity.headers");
  if (action.remote().versioning_intent() != ks::UNSPECIFIED)
    refuse("exec_activity.remote.versioning_intent");
  switch (action.activity_type_case()) {
    case ks::ExecuteActivityAction::kGeneric:
      return with_arguments(action.generic().arguments(), [&](const auto&... arguments) {
        return start(action, action.generic().type(), arguments...);
      });
    case ks::ExecuteActivityAction::kDelay:
      return start(action, "delay", action.delay());
    case ks::ExecuteActivityAction::kResources:
      return start(action, "resources", action.resources());
    case ks::ExecuteActivityAction::kPayload:
      return start(action, "payload", some_bytes(action.payload().bytes_to_receive()),
                   action.payload().bytes_to_return());
    case ks::ExecuteActivityAction::kClient:
      return start(action, "client", action.client());
    case ks::ExecuteActivityAction::kRetryableError:
      return start(action, "retryable_error", action.retryable_error());
    case ks::ExecuteActivityAction::kTimeout:
      return start(action, "timeout", action.timeout());
    case ks::ExecuteActivityAction::kHeartbeat:
      return start(action, "heartbeat", action.heartbeat());
    case ks::ExecuteActivityAction::kNoop:
    case ks::ExecuteActivityAction::ACTIVITY_TYPE_NOT_SET:
      break;
  }
  return start(action, "noop");
}

perdure::handle<void> start_signal(const ks::SendSignalAction& action) {
  if (!action.headers().empty()) refuse("send_signal.headers");
  const workflow::external target(action.workflow_id(), action.run_id());
  return with_arguments(action.args(), [&](const auto&... arguments) {
    return target.signal_by_name(action.signal_name(), arguments...);
  });
}

// A child, with what its options borrow.
perdure::child_handle<void> start_child(const ks::ExecuteChildWorkflowAction& action) {
  if (!action.headers().empty()) refuse("exec_child_workflow.headers");
  if (action.versioning_intent() != ks::UNSPECIFIED)
    refuse("exec_child_workflow.versioning_intent");
  const perdure::PayloadMap memo = to_payload_map(action.memo());
  const perdure::PayloadMap attributes = to_payload_map(action.search_attributes());
  perdure::child_options options;
  options.id = action.workflow_id();
  options.task_queue = action.task_queue();
  options.namespace_ = action.namespace_();
  if (action.has_workflow_execution_timeout())
    options.execution_timeout = to_nanoseconds(action.workflow_execution_timeout());
  if (action.has_workflow_run_timeout())
    options.run_timeout = to_nanoseconds(action.workflow_run_timeout());
  if (action.has_workflow_task_timeout())
    options.task_timeout = to_nanoseconds(action.workflow_task_timeout());
  options.id_reuse = id_reuse_of(action.workflow_id_reuse_policy());
  if (action.parent_close_policy() == ks::PARENT_CLOSE_POLICY_ABANDON)
    options.on_parent_close = perdure::parent_close::abandon;
  else if (action.parent_close_policy() == ks::PARENT_CLOSE_POLICY_REQUEST_CANCEL)
    options.on_parent_close = perdure::parent_close::request_cancel;
  options.cancellation = cancellation_of(action.cancellation_type());
  if (action.has_retry_policy()) options.retry = to_retry(action.retry_policy());
  options.cron = action.cron_schedule();
  if (!memo.empty()) options.memo = &memo;
  if (!attributes.empty()) options.search_attributes = &attributes;
  const std::string type = action.workflow_type().empty() ? "kitchenSink" : action.workflow_type();
  return with_arguments(action.input(), [&](const auto&... arguments) {
    return workflow::child_by_name<void>(type, options, arguments...);
  });
}

[[noreturn]] void continue_as_new(const ks::ContinueAsNewAction& action) {
  if (!action.headers().empty()) refuse("continue_as_new.headers");
  if (action.versioning_intent() != ks::UNSPECIFIED) refuse("continue_as_new.versioning_intent");
  if (!action.workflow_type().empty() && action.workflow_type() != "kitchenSink")
    refuse("continue_as_new.workflow_type " + action.workflow_type());
  const perdure::PayloadMap memo = to_payload_map(action.memo());
  const perdure::PayloadMap attributes = to_payload_map(action.search_attributes());
  perdure::continue_as_new_options options;
  options.task_queue = action.task_queue();
  if (action.has_workflow_run_timeout())
    options.run_timeout = to_nanoseconds(action.workflow_run_timeout());
  if (action.has_workflow_task_timeout())
    options.task_timeout = to_nanoseconds(action.workflow_task_timeout());
  if (action.has_retry_policy()) options.retry = to_retry(action.retry_policy());
  if (!memo.empty()) options.memo = &memo;
  if (!attributes.empty()) options.search_attributes = &attributes;
  ks::WorkflowInput input;
  if (action.arguments_size() > 0)
    input = perdure::decode<ks::WorkflowInput>(to_payload(action.arguments(0)));
  workflow::continue_as_new<&KitchenSink::run>(input, options);
}

[[noreturn]] void return_error(const ks::ReturnErrorAction& action) {
  const auto& info = action.failure().application_failure_info();
  throw perdure::ApplicationError(action.failure().message(),
                                  {.type = info.type(), .non_retryable = info.non_retryable()});
}

}  // namespace

// What the actions of a concurrent set and the one who waits for them share.
struct KitchenSink::Concurrent {
  int left = 0;
  Result result;
  std::exception_ptr error;
};

KitchenSink::KitchenSink(const ks::WorkflowInput& input) {
  missing_signals_.insert(input.expected_signal_ids().begin(), input.expected_signal_ids().end());
  if (missing_signals_.empty()) {
    for (std::int32_t id = 1; id <= input.expected_signal_count(); ++id)
      missing_signals_.insert(id);
  }
  expects_signals_ = !missing_signals_.empty();
  for (const std::int32_t id : input.received_signal_ids()) missing_signals_.erase(id);
}

perdure::task<perdure::Payload> KitchenSink::run(ks::WorkflowInput input) {
  const auto shared = std::make_shared<const ks::WorkflowInput>(std::move(input));
  Result result;
  for (int i = 0; i < shared->initial_actions_size() && !result; ++i)
    result = co_await run_set(SetPointer(shared, &shared->initial_actions(i)));
  while (!result) {
    co_await workflow::until([this] { return result_ || !to_do_in_main_.empty(); });
    if (result_) {
      result = result_;
      break;
    }
    const SetPointer next = std::move(to_do_in_main_.front());
    to_do_in_main_.pop_front();
    result = co_await run_set(next);
  }
  co_await await_expected_signals();
  co_return *result;
}

perdure::task<void> KitchenSink::await_expected_signals() {
  if (missing_signals_.empty()) co_return;
  std::chrono::nanoseconds limit = 1min;
  if (const auto timeout = workflow::info().execution_timeout; timeout && *timeout > 20s)
    limit = *timeout - 10s;
  if (co_await workflow::until_for(limit, [this] { return missing_signals_.empty(); })) co_return;
  std::string missing;
  for (const std::int32_t id : missing_signals_) missing += " " + std::to_string(id);
  throw perdure::ApplicationError("signals that did not come:" + missing);
}

perdure::task<void> KitchenSink::on_signal(ks::DoSignal::DoSignalActions actions) {
  // A signal that came before is not done again.
  if (expects_signals_ && actions.signal_id() != 0 &&
      missing_signals_.erase(actions.signal_id()) == 0)
    co_return;
  const auto shared = std::make_shared<const ks::DoSignal::DoSignalActions>(std::move(actions));
  if (shared->has_do_actions_in_main()) {
    to_do_in_main_.emplace_back(shared, &shared->do_actions_in_main());
    co_return;
  }
  const Result result = co_await run_set(SetPointer(shared, &shared->do_actions()));
  if (result) result_ = result;
}

void KitchenSink::check_update(const ks::DoActionsUpdate& update) const {
  if (update.has_reject_me()) throw perdure::ApplicationError("rejected, as was asked for");
}

perdure::task<perdure::Payload> KitchenSink::on_update(ks::DoActionsUpdate update) {
  const auto shared = std::make_shared<const ks::DoActionsUpdate>(std::move(update));
  const Result result = co_await run_set(SetPointer(shared, &shared->do_actions()));
  co_return result ? *result : perdure::encode(state_);
}

perdure::task<Result> KitchenSink::run_set(SetPointer set) {
  if (!set->concurrent()) {
    for (int i = 0; i < set->actions_size(); ++i) {
      const Result result = co_await run_action(ActionPointer(set, &set->actions(i)));
      if (result) co_return result;
    }
    co_return std::nullopt;
  }
  const auto all = std::make_shared<Concurrent>();
  all->left = set->actions_size();
  for (int i = 0; i < set->actions_size(); ++i)
    workflow::spawn(run_beside(ActionPointer(set, &set->actions(i)), all)).detach();
  co_await workflow::until(
      [all] { return all->left == 0 || all->result || all->error != nullptr; });
  if (all->error) std::rethrow_exception(all->error);
  co_return all->result;
}

perdure::task<void> KitchenSink::run_beside(ActionPointer action, std::shared_ptr<Concurrent> set) {
  try {
    const Result result = co_await run_action(std::move(action));
    if (result && !set->result) set->result = result;
  } catch (const perdure::Error&) {
    if (!set->error) set->error = std::current_exception();
  }
  --set->left;
}

perdure::task<Result> KitchenSink::run_action(ActionPointer action) {
  if (run_at_once(*action)) co_return std::nullopt;
  switch (action->variant_case()) {
    case ks::Action::kReturnResult:
      co_return to_payload(action->return_result().return_this());
    case ks::Action::kTimer: {
      const auto delay = std::chrono::milliseconds(action->timer().milliseconds());
      co_await follow(workflow::timer(delay), std::nullopt, action->timer().awaitable_choice());
      break;
    }
    case ks::Action::kExecActivity:
      co_await follow(start_activity(action->exec_activity()), std::nullopt,
                      action->exec_activity().awaitable_choice());
      break;
    case ks::Action::kExecChildWorkflow:
      co_await run_child(action);
      break;
    case ks::Action::kAwaitWorkflowState:
      co_await workflow::until([this, action] {
        const auto found = state_.kvs().find(action->await_workflow_state().key());
        return found != state_.kvs().end() &&
               found->second == action->await_workflow_state().value();
      });
      break;
    case ks::Action::kSendSignal:
      co_await follow(start_signal(action->send_signal()), std::nullopt,
                      action->send_signal().awaitable_choice());
      break;
    case ks::Action::kCancelWorkflow: {
      const workflow::external target(action->cancel_workflow().workflow_id(),
                                      action->cancel_workflow().run_id());
      co_await target.cancel();
      break;
    }
    case ks::Action::kSetPatchMarker:
      co_return co_await run_patched(action);
    case ks::Action::kNestedActionSet:
      co_return co_await run_set(SetPointer(action, &action->nested_action_set()));
    case ks::Action::kAwaitPendingActions:
      co_await await_pending();
      break;
    default:
      refuse("an action without a known variant");
  }
  co_return std::nullopt;
}

bool KitchenSink::run_at_once(const ks::Action& action) {
  switch (action.variant_case()) {
    case ks::Action::kReturnError:
      return_error(action.return_error());
    case ks::Action::kContinueAsNew:
      continue_as_new(action.continue_as_new());
    case ks::Action::kNexusOperation:
      refuse("nexus_operation, because this SDK has no Nexus");
    case ks::Action::kSetWorkflowState:
      state_ = action.set_workflow_state();
      return true;
    case ks::Action::kUpsertMemo:
      for (const auto& [key, value] :
           to_payload_map(action.upsert_memo().upserted_memo().fields())) {
        if (value == perdure::Payload())
          workflow::remove_memo(key);
        else
          workflow::upsert_memo_payload(key, value);
      }
      return true;
    case ks::Action::kUpsertSearchAttributes:
      for (const auto& [key, value] :
           to_payload_map(action.upsert_search_attributes().search_attributes()))
        workflow::upsert(perdure::search_attribute_update{key, value});
      return true;
    default:
      return false;
  }
}

perdure::task<void> KitchenSink::run_child(ActionPointer action) {
  const perdure::child_handle<void> child = start_child(action->exec_child_workflow());
  co_await follow(child, child.started(), action->exec_child_workflow().awaitable_choice());
}

perdure::task<Result> KitchenSink::run_patched(ActionPointer action) {
  const ks::SetPatchMarkerAction& patch = action->set_patch_marker();
  if (patch.deprecated())
    workflow::deprecate_patch(patch.patch_id());
  else if (!workflow::patched(patch.patch_id()))
    co_return std::nullopt;
  co_return co_await run_action(ActionPointer(action, &patch.inner_action()));
}

perdure::task<void> KitchenSink::await_pending() {
  const std::vector<perdure::handle<void>> pending = std::exchange(pending_, {});
  for (const perdure::handle<void>& one : pending) co_await one;
}

perdure::task<void> KitchenSink::follow(perdure::handle<void> handle,
                                        std::optional<perdure::handle<std::string>> started,
                                        ks::AwaitableChoice choice) {
  const auto condition = choice.condition_case();
  if (condition == ks::AwaitableChoice::kAbandon) {
    handle.detach();
    if (started) started->detach();
    co_return;
  }
  if (condition == ks::AwaitableChoice::kCancelAfterStarted ||
      condition == ks::AwaitableChoice::kWaitStarted) {
    if (started)
      static_cast<void>(co_await *started);
    else
      co_await workflow::sleep(1ms);
  }
  if (condition == ks::AwaitableChoice::kWaitStarted) {
    pending_.push_back(handle);
    co_return;
  }
  const bool is_canceled = condition == ks::AwaitableChoice::kCancelAfterStarted ||
                           condition == ks::AwaitableChoice::kCancelBeforeStarted;
  if (is_canceled) handle.cancel();
  try {
    co_await handle;
  } catch (const perdure::FailureError& error) {
    // That is what was asked for.
    if (!is_canceled || !perdure::is_cancellation(error.failure_ptr())) throw;
  }
  if (condition == ks::AwaitableChoice::kCancelAfterCompleted) handle.cancel();
}

}  // namespace omes
