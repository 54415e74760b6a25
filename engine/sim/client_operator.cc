// What an operator does to a client's runs: pauses, resets, lists.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sim/client.h"
#include "sim/replay.h"

namespace perdure::sim {
namespace {

namespace enums = temporal::api::enums::v1;
using absl::StatusCode;
using temporal::api::common::v1::WorkflowExecution;

// When a pause ends. Again in the end: a server that was frozen may have carried out an old try of
// the pause meanwhile.
constexpr int64_t kUnpausesMs[] = {3000, 40'000};

}  // namespace

void Client::Describe(
    const std::string& run_id,
    absl::AnyInvocable<void(absl::StatusOr<api::DescribeWorkflowExecutionResponse>) &&> done) {
  api::DescribeWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.mutable_execution()->set_workflow_id(workflow_id_);
  request.mutable_execution()->set_run_id(run_id);
  CallUntilAnswered<api::DescribeWorkflowExecutionRequest, api::DescribeWorkflowExecutionResponse>(
      "DescribeWorkflowExecution", request, absl::Seconds(5), std::move(done));
}

void Client::List(
    const std::string& query,
    absl::AnyInvocable<void(absl::StatusOr<api::ListWorkflowExecutionsResponse>) &&> done) {
  ++open_requests_;
  api::ListWorkflowExecutionsRequest request;
  request.set_namespace_("default");
  request.set_query(query);
  CallUntilAnswered<api::ListWorkflowExecutionsRequest, api::ListWorkflowExecutionsResponse>(
      "ListWorkflowExecutions", request, absl::Seconds(5), std::move(done));
}

// --- Pauses

void Client::PauseAndUnpause() {
  api::PauseWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.set_workflow_id(workflow_id_);
  request.set_request_id(random_.Uuid());
  CallUntilAnswered<api::PauseWorkflowExecutionRequest, api::PauseWorkflowExecutionResponse>(
      "PauseWorkflowExecution", request, absl::Seconds(5),
      [this](absl::StatusOr<api::PauseWorkflowExecutionResponse> response) {
        ledger_.Count(response.ok() ? "pause acknowledged" : "pause refused");
        for (const int64_t ms : kUnpausesMs) {
          ++open_requests_;
          Later(ms, [this] { Unpause(); });
        }
        --open_requests_;
      });
}

void Client::Unpause() {
  api::UnpauseWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.set_workflow_id(workflow_id_);
  request.set_request_id(random_.Uuid());
  CallUntilAnswered<api::UnpauseWorkflowExecutionRequest, api::UnpauseWorkflowExecutionResponse>(
      "UnpauseWorkflowExecution", request, absl::Seconds(5),
      [this](absl::StatusOr<api::UnpauseWorkflowExecutionResponse>) { --open_requests_; });
}

// One of those that are pending.
void Client::PauseActivity() {
  Describe("", [this](absl::StatusOr<api::DescribeWorkflowExecutionResponse> response) {
    --open_requests_;
    if (!response.ok() || response->pending_activities().empty()) return;
    const auto& pending =
        response->pending_activities(static_cast<int>(Below(response->pending_activities_size())));
    ++open_requests_;
    PauseThat(response->workflow_execution_info().execution(), pending.activity_id());
  });
}

void Client::PauseThat(const WorkflowExecution& execution, const std::string& activity_id) {
  api::PauseActivityRequest request;
  request.set_namespace_("default");
  *request.mutable_execution() = execution;
  request.set_id(activity_id);
  request.set_request_id(random_.Uuid());
  CallUntilAnswered<api::PauseActivityRequest, api::PauseActivityResponse>(
      "PauseActivity", request, absl::Seconds(5),
      [this, execution, activity_id](absl::StatusOr<api::PauseActivityResponse> response) {
        --open_requests_;
        ledger_.Count(response.ok() ? "activity paused" : "pause of an activity refused");
        if (response.ok()) {
          ++open_requests_;
          LookAtPause(execution, activity_id);
        }
        for (const int64_t ms : kUnpausesMs) {
          ++open_requests_;
          Later(ms, [this, execution, activity_id] { UnpauseActivity(execution, activity_id); });
        }
      });
}

// From then on no attempt begins: not that one if it has not begun yet, and none after it.
void Client::LookAtPause(const WorkflowExecution& execution, const std::string& activity_id) {
  AskAnyServer();
  const auto key = std::pair(execution.run_id(), activity_id);
  const int64_t unpauses = ledger_.unpauses[key];
  Describe(
      execution.run_id(),
      [this, key, unpauses](absl::StatusOr<api::DescribeWorkflowExecutionResponse> response) {
        --open_requests_;
        if (!response.ok() || ledger_.unpauses[key] != unpauses) return;
        for (const auto& pending : response->pending_activities()) {
          if (pending.activity_id() != key.second) continue;
          if (!pending.paused()) {
            ledger_.Wrong(absl::StrCat(workflow_id_, ": activity ", key.second, " of run ",
                                       key.first, " was paused and is described as not paused"));
            return;
          }
          ledger_.Count("pause of an activity seen");
          const bool has_begun = pending.state() != enums::PENDING_ACTIVITY_STATE_SCHEDULED &&
                                 pending.state() != enums::PENDING_ACTIVITY_STATE_PAUSED;
          ledger_.paused_from[key] = pending.attempt() + (has_begun ? 1 : 0);
        }
      });
}

void Client::UnpauseActivity(const WorkflowExecution& execution, const std::string& activity_id) {
  const auto key = std::pair(execution.run_id(), activity_id);
  ledger_.paused_from.erase(key);
  ++ledger_.unpauses[key];
  api::UnpauseActivityRequest request;
  request.set_namespace_("default");
  *request.mutable_execution() = execution;
  request.set_id(activity_id);
  CallUntilAnswered<api::UnpauseActivityRequest, api::UnpauseActivityResponse>(
      "UnpauseActivity", request, absl::Seconds(5),
      [this](absl::StatusOr<api::UnpauseActivityResponse>) { --open_requests_; });
}

// --- Reset

// The current run, to one of its workflow tasks.
void Client::Reset() {
  Describe("", [this](absl::StatusOr<api::DescribeWorkflowExecutionResponse> response) {
    if (!response.ok()) {
      --open_requests_;
      return ledger_.Wrong(
          absl::StrCat("describe ", workflow_id_, ": ", response.status().ToString()));
    }
    CollectResetPoints(response->workflow_execution_info().execution().run_id(), "", {});
  });
}

void Client::CollectResetPoints(const std::string& run_id, const std::string& page_token,
                                std::vector<int64_t> points) {
  api::GetWorkflowExecutionHistoryRequest request;
  request.set_namespace_("default");
  request.mutable_execution()->set_workflow_id(workflow_id_);
  request.mutable_execution()->set_run_id(run_id);
  request.set_next_page_token(page_token);
  CallUntilAnswered<api::GetWorkflowExecutionHistoryRequest,
                    api::GetWorkflowExecutionHistoryResponse>(
      "GetWorkflowExecutionHistory", request, absl::Seconds(5),
      [this, run_id, points = std::move(points)](
          absl::StatusOr<api::GetWorkflowExecutionHistoryResponse> response) mutable {
        if (!response.ok()) {
          --open_requests_;
          return ledger_.Wrong(absl::StrCat("reading the history of ", workflow_id_, ": ",
                                            response.status().ToString()));
        }
        for (const auto& event : response->history().events()) {
          if (event.has_workflow_task_completed_event_attributes() ||
              event.has_workflow_task_failed_event_attributes() ||
              event.has_workflow_task_timed_out_event_attributes()) {
            points.push_back(event.event_id());
          }
        }
        if (!response->next_page_token().empty()) {
          return CollectResetPoints(run_id, response->next_page_token(), std::move(points));
        }
        if (points.empty()) {
          --open_requests_;
          return ledger_.Count("nothing to reset to");
        }
        ResetTo(run_id, points[static_cast<size_t>(Below(static_cast<int64_t>(points.size())))]);
      });
}

void Client::ResetTo(const std::string& run_id, int64_t event_id) {
  api::ResetWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.mutable_workflow_execution()->set_workflow_id(workflow_id_);
  request.mutable_workflow_execution()->set_run_id(run_id);
  request.set_workflow_task_finish_event_id(event_id);
  request.set_request_id(random_.Uuid());
  request.set_reason(kResetReason);
  CallUntilAnswered<api::ResetWorkflowExecutionRequest, api::ResetWorkflowExecutionResponse>(
      "ResetWorkflowExecution", request, absl::Seconds(5),
      [this, run_id](absl::StatusOr<api::ResetWorkflowExecutionResponse> response) {
        --open_requests_;
        if (!response.ok()) {
          ledger_.Count("reset refused");
          // What a reset cannot go back to.
          if (response.status().code() == StatusCode::kInvalidArgument) return;
          return ledger_.Wrong(
              absl::StrCat("reset of ", workflow_id_, ": ", response.status().ToString()));
        }
        ledger_.Count("reset acknowledged");
        record().resets[response->run_id()] = run_id;
        ++open_waits_;
        WaitForClose(response->run_id(), "");
        // Those before may have been refused, for it had ended.
        for (int64_t i = 0; i < SignalGoal(seed_); ++i) {
          ++open_requests_;
          Later(Below(10'000),
                [this, input = absl::StrCat(response->run_id(), "#", i)] { Signal(input); });
        }
        if (!random_.Chance(0.4)) return;
        ++open_requests_;
        Later(Below(5000), [this] { Reset(); });
      });
}

// --- Lists

void Client::LookForStarted(const std::string& run_id) {
  AskAnyServer();
  List(absl::StrCat("WorkflowId = '", workflow_id_, "'"),
       [this, run_id](absl::StatusOr<api::ListWorkflowExecutionsResponse> response) {
         --open_requests_;
         if (!response.ok()) {
           return ledger_.Wrong(
               absl::StrCat("listing ", workflow_id_, ": ", response.status().ToString()));
         }
         ledger_.Count("start looked for in a list");
         for (const auto& row : response->executions()) {
           if (row.execution().run_id() == run_id) return;
         }
         ledger_.Wrong(absl::StrCat(workflow_id_, " ", run_id,
                                    ": its start was acknowledged and it is not listed"));
       });
}

// Listed as closed, and no longer counted among the running.
void Client::LookForClosed(const std::string& run_id, int status) {
  AskAnyServer();
  List(absl::StrCat("RunId = '", run_id, "'"),
       [this, run_id, status](absl::StatusOr<api::ListWorkflowExecutionsResponse> response) {
         --open_requests_;
         ledger_.Count("close looked for in a list");
         if (response.ok() && response->executions_size() == 1 &&
             response->executions(0).status() == status) {
           return;
         }
         ledger_.Wrong(absl::StrCat(
             workflow_id_, " ", run_id, ": its close was seen and it is listed as ",
             response.ok() ? response->ShortDebugString() : response.status().ToString()));
       });
  ++open_requests_;
  api::CountWorkflowExecutionsRequest count;
  count.set_namespace_("default");
  count.set_query(absl::StrCat("RunId = '", run_id, "' AND ExecutionStatus = 'Running'"));
  CallUntilAnswered<api::CountWorkflowExecutionsRequest, api::CountWorkflowExecutionsResponse>(
      "CountWorkflowExecutions", count, absl::Seconds(5),
      [this, run_id](absl::StatusOr<api::CountWorkflowExecutionsResponse> response) {
        --open_requests_;
        if (response.ok() && response->count() == 0) return;
        ledger_.Wrong(absl::StrCat(workflow_id_, " ", run_id,
                                   ": its close was seen and it is counted as running"));
      });
}

}  // namespace perdure::sim
