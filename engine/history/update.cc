// UpdateWorkflowExecution and PollWorkflowExecutionUpdate.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "history/events.h"
#include "history/requests.h"
#include "machines/workflow/decide/request.h"

namespace perdure::history {
namespace {

using machines::UpdateNotice;
using Fated = absl::AnyInvocable<void(absl::StatusOr<UpdateFate>) &&>;

constexpr int kAdmitted = machines::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED;
constexpr int kAccepted = machines::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED;
constexpr int kCompleted = machines::enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED;

// The outcome of a completed update stands in its event.
void ReadOutcome(Core& core, const ExecutionPtr& run, EventId completed_event_id, Fated done) {
  EventRange range;
  range.from = completed_event_id;
  range.end = completed_event_id + 1;
  ReadEvents(core, run, range, [done = std::move(done)](absl::StatusOr<EventPage> page) mutable {
    if (!page.ok()) return std::move(done)(page.status());
    UpdateFate fate;
    fate.stage = kCompleted;
    fate.outcome =
        page->events.front()->workflow_execution_update_completed_event_attributes().outcome();
    std::move(done)(std::move(fate));
  });
}

temporal::api::update::v1::Outcome ClosedBeforeCompletion() {
  temporal::api::update::v1::Outcome outcome;
  auto* failure = outcome.mutable_failure();
  failure->set_message(
      "Workflow Update failed because the Workflow completed before the Update completed.");
  failure->set_source("Server");
  failure->mutable_application_failure_info()->set_type("AcceptedUpdateCompletedWorkflow");
  failure->mutable_application_failure_info()->set_non_retryable(true);
  return outcome;
}

int StageNow(const State& state, const std::string& update_id) {
  const pb::UpdateState* known = state.updates.Find(update_id);
  if (known == nullptr) return kAdmitted;
  return known->completed_event_id() != 0 ? kCompleted : kAccepted;
}

}  // namespace

void FollowUpdate(Core& core, const ExecutionPtr& execution, const std::string& update_id,
                  int stage, absl::Time deadline, Fated done) {
  const State& state = execution->state;
  const pb::UpdateState* known = state.updates.Find(update_id);
  if (known != nullptr && known->completed_event_id() != 0) {
    // Durable first: it may have completed in a commit still on its way.
    const EventId event_id = known->completed_event_id();
    return core.committer().AfterCommits(
        execution,
        [&core, execution, event_id, done = std::move(done)](absl::Status status) mutable {
          if (!status.ok()) return std::move(done)(std::move(status));
          ReadOutcome(core, execution, event_id, std::move(done));
        });
  }
  if (known == nullptr && !state.admitted_updates.Contains(update_id)) {
    return std::move(done)(base::NotFound(absl::StrCat("update ", update_id, " not found")));
  }
  if (known != nullptr && !state.IsRunning()) {
    return core.committer().AfterCommits(
        execution, [done = std::move(done)](absl::Status status) mutable {
          if (!status.ok()) return std::move(done)(std::move(status));
          std::move(done)(UpdateFate{kCompleted, ClosedBeforeCompletion()});
        });
  }
  if (known != nullptr && stage <= kAccepted) {
    return core.committer().AfterCommits(execution,
                                         [done = std::move(done)](absl::Status status) mutable {
                                           if (!status.ok())
                                             return std::move(done)(std::move(status));
                                           std::move(done)(UpdateFate{kAccepted, std::nullopt});
                                         });
  }
  const absl::Time now = core.loop().Now();
  const absl::Time until = std::min(now + execution->name_space->limits.long_poll_interval,
                                    deadline - absl::Milliseconds(500));
  auto waiting = std::make_shared<Fated>(std::move(done));  // shared by the waiter and its timer
  auto is_over = std::make_shared<bool>(false);
  const uint64_t id = core.NextWaiterId();
  const runtime::TimerId timer =
      core.loop().At(until, [&core, execution, id, update_id, waiting, is_over] {
        if (*is_over) return;
        *is_over = true;
        auto& waiters = execution->update_waiters;
        waiters.erase(std::remove_if(waiters.begin(), waiters.end(),
                                     [id](const auto& waiter) { return waiter.id == id; }),
                      waiters.end());
        // Time is over: the caller learns how far it is, once that is durable, and asks again.
        const int reached = StageNow(execution->state, update_id);
        core.committer().AfterCommits(execution, [waiting, reached](absl::Status status) {
          if (!status.ok()) return std::move(*waiting)(std::move(status));
          // A completed one has an outcome, which was sent; without it, it counts as accepted.
          std::move (*waiting)(UpdateFate{std::min(reached, kAccepted), std::nullopt});
        });
      });
  Execution::UpdateWaiter waiter;
  waiter.id = id;
  waiter.update_id = update_id;
  waiter.notify = [&core, stage, timer, waiting, is_over](const UpdateNotice& notice) {
    if (*is_over) return true;
    const bool is_accepted_only = notice.aborted.ok() && !notice.outcome.has_value();
    if (is_accepted_only && stage > kAccepted) return false;
    *is_over = true;
    core.loop().Cancel(timer);
    if (!notice.aborted.ok()) {
      std::move (*waiting)(notice.aborted);
    } else {
      std::move (*waiting)(UpdateFate{is_accepted_only ? kAccepted : kCompleted, notice.outcome});
    }
    return true;
  };
  execution->update_waiters.push_back(std::move(waiter));
}

namespace {

struct Updating {
  NamespacePtr name_space;
  api::UpdateWorkflowExecutionRequest request;
  absl::Time deadline;
  Reply<api::UpdateWorkflowExecutionResponse> reply;
  int tries = 0;
};
// Shared by the steps of one call, one after the other.
using UpdatingPtr = std::shared_ptr<Updating>;

void UpdateOn(Core& core, const UpdatingPtr& updating);

void Finish(const UpdatingPtr& updating, const ExecutionPtr& run, const UpdateFate& fate) {
  api::UpdateWorkflowExecutionResponse response;
  auto* ref = response.mutable_update_ref();
  ref->mutable_workflow_execution()->set_workflow_id(run->workflow_id);
  ref->mutable_workflow_execution()->set_run_id(run->run_id);
  ref->set_update_id(updating->request.request().meta().update_id());
  response.set_stage(
      static_cast<machines::enums::UpdateWorkflowExecutionLifecycleStage>(fate.stage));
  if (fate.outcome.has_value()) *response.mutable_outcome() = *fate.outcome;
  std::move(updating->reply)(std::move(response));
}

// The run went on as a new one: the update goes there, unless the caller named the run.
bool TriesAgain(const UpdatingPtr& updating, const ExecutionPtr& run, const absl::Status& status) {
  const bool is_passing =
      status.code() == absl::StatusCode::kUnavailable && !run->state.info.new_run_id().empty();
  return is_passing && updating->request.workflow_execution().run_id().empty() &&
         ++updating->tries < 5;
}

void UpdateRunWith(Core& core, const UpdatingPtr& updating, const ExecutionPtr& run) {
  const auto& request = updating->request;
  const std::string& first_run_id = request.first_execution_run_id();
  if (!first_run_id.empty() && first_run_id != run->state.info.first_run_id()) {
    return std::move(updating->reply)(base::NotFound("workflow execution not found"));
  }
  auto decision =
      machines::DecideUpdate(run->state, request.request(), core.ContextFor(updating->name_space));
  if (!decision.ok()) return Refuse(core, run, decision.status(), std::move(updating->reply));
  core.Apply(run, *std::move(decision), [](absl::Status) {});
  FollowUpdate(core, run, request.request().meta().update_id(),
               request.wait_policy().lifecycle_stage(), updating->deadline,
               [&core, updating, run](absl::StatusOr<UpdateFate> fate) {
                 if (fate.ok()) return Finish(updating, run, *fate);
                 if (TriesAgain(updating, run, fate.status())) {
                   return core.loop().Post([&core, updating] { UpdateOn(core, updating); });
                 }
                 std::move(updating->reply)(fate.status());
               });
}

void UpdateOn(Core& core, const UpdatingPtr& updating) {
  const auto& target = updating->request.workflow_execution();
  core.With(updating->name_space, target.workflow_id(), target.run_id(),
            [&core, updating](absl::StatusOr<ExecutionPtr> found) {
              if (!found.ok()) return std::move(updating->reply)(found.status());
              UpdateRunWith(core, updating, *found);
            });
}

}  // namespace

void Update(Core& core, CallContext context, NamespacePtr name_space,
            api::UpdateWorkflowExecutionRequest request,
            Reply<api::UpdateWorkflowExecutionResponse> reply) {
  auto updating = std::make_shared<Updating>();
  updating->name_space = name_space;
  updating->deadline = context.deadline;
  updating->reply = std::move(reply);
  updating->request = std::move(request);
  if (updating->request.request().meta().update_id().empty()) {
    updating->request.mutable_request()->mutable_meta()->set_update_id(core.loop().random().Uuid());
  }
  UpdateOn(core, updating);
}

void PollUpdate(Core& core, CallContext context, NamespacePtr name_space,
                api::PollWorkflowExecutionUpdateRequest request,
                Reply<api::PollWorkflowExecutionUpdateResponse> reply) {
  const std::string update_id = request.update_ref().update_id();
  const std::string workflow_id = request.update_ref().workflow_execution().workflow_id();
  const std::string run_id = request.update_ref().workflow_execution().run_id();
  const int asked = request.wait_policy().lifecycle_stage();
  core.Show(
      name_space, workflow_id, run_id,
      [&core, context, update_id, asked,
       reply = std::move(reply)](absl::StatusOr<ExecutionPtr> found) mutable {
        if (!found.ok()) return std::move(reply)(found.status());
        const ExecutionPtr run = *found;
        const auto finish = [run, update_id](const UpdateFate& fate) {
          api::PollWorkflowExecutionUpdateResponse response;
          response.set_stage(
              static_cast<machines::enums::UpdateWorkflowExecutionLifecycleStage>(fate.stage));
          if (fate.outcome.has_value()) *response.mutable_outcome() = *fate.outcome;
          auto* ref = response.mutable_update_ref();
          ref->mutable_workflow_execution()->set_workflow_id(run->workflow_id);
          ref->mutable_workflow_execution()->set_run_id(run->run_id);
          ref->set_update_id(update_id);
          return response;
        };
        const bool is_known = run->state.updates.Contains(update_id) ||
                              run->state.admitted_updates.Contains(update_id);
        // Without a stage to wait for: how is it now?
        if (asked == 0 && is_known && StageNow(run->state, update_id) != kCompleted) {
          return std::move(reply)(
              finish(UpdateFate{StageNow(run->state, update_id), std::nullopt}));
        }
        FollowUpdate(core, run, update_id, asked, context.deadline,
                     [finish, reply = std::move(reply)](absl::StatusOr<UpdateFate> fate) mutable {
                       if (!fate.ok()) return std::move(reply)(fate.status());
                       std::move(reply)(finish(*fate));
                     });
      });
}

}  // namespace perdure::history
