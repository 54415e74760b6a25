#include "sim/eraser.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "sim/replay.h"
#include "temporal/api/errordetails/v1/message.pb.h"

namespace perdure::sim {
namespace {

using absl::StatusCode;

}  // namespace

void Eraser::Begin() {
  lives_left_ = 1 + static_cast<int>(Below(3));
  Start();
}

void Eraser::Start() {
  AskAnyServer();
  api::StartWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.set_workflow_id(workflow_id_);
  request.mutable_workflow_type()->set_name(kWorkflowType);
  request.mutable_task_queue()->set_name(kTaskQueue);
  request.set_request_id(random_.Uuid());
  // Nobody signals it.
  uint64_t seed = random_.Next();
  while (SignalGoal(seed) > 0) seed = random_.Next();
  *request.mutable_input() = PayloadsOf(Encode(ProgramInput{.seed = seed}));
  CallUntilAnswered<api::StartWorkflowExecutionRequest, api::StartWorkflowExecutionResponse>(
      "StartWorkflowExecution", request, absl::Seconds(8),
      [this](absl::StatusOr<api::StartWorkflowExecutionResponse> response) {
        std::string run_id;
        if (response.ok()) {
          ledger_.Count("run to delete started");
          run_id = response->run_id();
        } else {
          // A run that followed the deleted one, or a late double of an earlier start.
          temporal::api::errordetails::v1::WorkflowExecutionAlreadyStartedFailure detail;
          if (base::GetDetail(response.status(), detail)) run_id = detail.run_id();
        }
        if (run_id.empty() || ledger_.deleted_runs.contains(run_id)) {
          is_done_ = true;
          return ledger_.Wrong(absl::StrCat(workflow_id_, " ", run_id,
                                            ": after a deletion a start "
                                            "was answered: ",
                                            response.status().ToString()));
        }
        Later(Below(6000), [this, run_id] { Delete(run_id); });
      });
}

void Eraser::Delete(const std::string& run_id) {
  AskAnyServer();
  api::DeleteWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.mutable_workflow_execution()->set_workflow_id(workflow_id_);
  // By name: a late double must not hit the next one.
  request.mutable_workflow_execution()->set_run_id(run_id);
  CallUntilAnswered<api::DeleteWorkflowExecutionRequest, api::DeleteWorkflowExecutionResponse>(
      "DeleteWorkflowExecution", request, absl::Seconds(8),
      [this, run_id](absl::StatusOr<api::DeleteWorkflowExecutionResponse> response) {
        // Not found: an earlier try deleted it.
        if (!response.ok() && response.status().code() != StatusCode::kNotFound) {
          ledger_.Wrong(absl::StrCat("deletion of ", workflow_id_, " ", run_id, ": ",
                                     response.status().ToString()));
        }
        ledger_.Count(response.ok() ? "deletion acknowledged" : "deletion found nothing");
        ledger_.deleted_runs.insert(run_id);
        LookAgain(run_id);
      });
}

void Eraser::LookAgain(const std::string& run_id) {
  AskAnyServer();
  api::DescribeWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.mutable_execution()->set_workflow_id(workflow_id_);
  request.mutable_execution()->set_run_id(run_id);
  CallUntilAnswered<api::DescribeWorkflowExecutionRequest, api::DescribeWorkflowExecutionResponse>(
      "DescribeWorkflowExecution", request, absl::Seconds(5),
      [this, run_id](absl::StatusOr<api::DescribeWorkflowExecutionResponse> response) {
        if (response.status().code() != StatusCode::kNotFound) {
          ledger_.Wrong(absl::StrCat(
              workflow_id_, " ", run_id,
              ": it was deleted and describing it is answered: ", response.status().ToString()));
        }
        LookInList(run_id);
      });
}

void Eraser::LookInList(const std::string& run_id) {
  AskAnyServer();
  api::ListWorkflowExecutionsRequest request;
  request.set_namespace_("default");
  request.set_query(absl::StrCat("RunId = '", run_id, "'"));
  CallUntilAnswered<api::ListWorkflowExecutionsRequest, api::ListWorkflowExecutionsResponse>(
      "ListWorkflowExecutions", request, absl::Seconds(5),
      [this, run_id](absl::StatusOr<api::ListWorkflowExecutionsResponse> response) {
        if (!response.ok() || !response->executions().empty()) {
          ledger_.Wrong(absl::StrCat(workflow_id_, " ", run_id, ": it was deleted and is listed"));
        }
        GoOn();
      });
}

void Eraser::GoOn() {
  if (--lives_left_ > 0) return Later(Below(3000), [this] { Start(); });
  is_done_ = true;
}

}  // namespace perdure::sim
