#include "sim/retention_client.h"

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "sim/replay.h"
#include "temporal/api/errordetails/v1/message.pb.h"

namespace perdure::sim {
namespace {

using absl::StatusCode;

// The first workflow task, which nobody takes, is the one to reset to: what follows it.
constexpr int64_t kResetPoint = 3;

}  // namespace

template <class Request, class Response>
void RetentionClient::SendHere(const char* method, const Request& request,
                               absl::AnyInvocable<void(absl::StatusOr<Response>) &&> done) {
  CallUntilAnswered<Request, Response>(
      method, request, absl::Seconds(5),
      [this, method, request, done = std::move(done)](absl::StatusOr<Response> response) mutable {
        temporal::api::errordetails::v1::NamespaceNotFoundFailure unknown;
        if (response.ok() || !base::GetDetail(response.status(), unknown)) {
          return std::move(done)(std::move(response));
        }
        ledger_.Count("namespace not known yet");
        Later(300, [this, method, request, done = std::move(done)]() mutable {
          SendHere<Request, Response>(method, request, std::move(done));
        });
      });
}

template <class Request, class Response>
void RetentionClient::CallHere(const char* method, Request request,
                               absl::AnyInvocable<void(absl::StatusOr<Response>) &&> done) {
  AskAnyServer();
  request.set_namespace_(kBriefNamespace);
  SendHere<Request, Response>(method, request, std::move(done));
}

void RetentionClient::Begin() {
  AskAnyServer();
  lives_left_ = 1 + static_cast<int>(Below(3));
  api::RegisterNamespaceRequest request;
  request.set_namespace_(kBriefNamespace);
  request.mutable_workflow_execution_retention_period()->set_seconds(
      absl::ToInt64Seconds(ledger_.brief.retention));
  CallUntilAnswered<api::RegisterNamespaceRequest, api::RegisterNamespaceResponse>(
      "RegisterNamespace", request, absl::Seconds(5),
      [this](absl::StatusOr<api::RegisterNamespaceResponse> response) {
        if (!response.ok() && response.status().code() != StatusCode::kAlreadyExists) {
          ledger_.Wrong(absl::StrCat("registering a namespace: ", response.status().ToString()));
        }
        Start();
      });
}

void RetentionClient::Start() {
  api::StartWorkflowExecutionRequest request;
  request.set_workflow_id(workflow_id_);
  request.mutable_workflow_type()->set_name(kWorkflowType);
  request.mutable_task_queue()->set_name("nobody");
  request.set_request_id(random_.Uuid());
  CallHere<api::StartWorkflowExecutionRequest, api::StartWorkflowExecutionResponse>(
      "StartWorkflowExecution", request,
      [this](absl::StatusOr<api::StartWorkflowExecutionResponse> response) {
        std::string run_id;
        // A late double of an earlier start.
        temporal::api::errordetails::v1::WorkflowExecutionAlreadyStartedFailure detail;
        if (response.ok()) run_id = response->run_id();
        if (base::GetDetail(response.status(), detail)) run_id = detail.run_id();
        if (run_id.empty() || ledger_.brief.gone_runs.contains(run_id)) {
          is_done_ = true;
          return ledger_.Wrong(absl::StrCat(
              workflow_id_, " ", run_id, ": a start was answered: ", response.status().ToString()));
        }
        ledger_.Count("brief run started");
        Keep(run_id, static_cast<int>(Below(4)));
      });
}

// An open run stays, however old.
void RetentionClient::Keep(const std::string& run_id, int looks) {
  ledger_.brief.open_runs[run_id] = workflow_id_;
  if (looks == 0) {
    if (lives_left_ > 1 || Below(2) == 0) return Terminate(run_id);
    is_done_ = true;
    return ledger_.Count("brief run left open");
  }
  const int64_t pause_ms = Below(absl::ToInt64Milliseconds(ledger_.brief.retention));
  Later(pause_ms, [this, run_id, looks] {
    api::DescribeWorkflowExecutionRequest request;
    request.mutable_execution()->set_workflow_id(workflow_id_);
    request.mutable_execution()->set_run_id(run_id);
    CallHere<api::DescribeWorkflowExecutionRequest, api::DescribeWorkflowExecutionResponse>(
        "DescribeWorkflowExecution", request,
        [this, run_id, looks](absl::StatusOr<api::DescribeWorkflowExecutionResponse> response) {
          ledger_.Count("open brief run described");
          if (!response.ok() || response->workflow_execution_info().has_close_time()) {
            ledger_.Wrong(absl::StrCat(
                workflow_id_, " ", run_id, ": it is open and describing it is answered: ",
                response.ok() ? "it is closed" : response.status().ToString()));
          }
          Keep(run_id, looks - 1);
        });
  });
}

void RetentionClient::Terminate(const std::string& run_id) {
  ledger_.brief.open_runs.erase(run_id);
  termination_sent_ = world_.Now();
  api::TerminateWorkflowExecutionRequest request;
  request.mutable_workflow_execution()->set_workflow_id(workflow_id_);
  request.mutable_workflow_execution()->set_run_id(run_id);
  CallHere<api::TerminateWorkflowExecutionRequest, api::TerminateWorkflowExecutionResponse>(
      "TerminateWorkflowExecution", request,
      [this, run_id](absl::StatusOr<api::TerminateWorkflowExecutionResponse> response) {
        // Not found: an earlier try did it.
        if (!response.ok() && response.status().code() != StatusCode::kNotFound) {
          ledger_.Wrong(absl::StrCat("termination of ", workflow_id_, " ", run_id, ": ",
                                     response.status().ToString()));
        }
        AwaitGone(run_id, "");
      });
}

// Nobody can have taken it yet, whichever server's clock counts.
bool RetentionClient::IsYoung() const {
  const auto jumps = ledger_.counts.find("clock jump");
  const absl::Duration jumped =
      absl::Seconds(2) * (jumps == ledger_.counts.end() ? 0 : jumps->second);
  return world_.Now() + 2 * (ledger_.brief.clock_error + jumped) <
         termination_sent_ + ledger_.brief.retention;
}

void RetentionClient::AwaitGone(const std::string& run_id, const std::string& next_run_id) {
  if (Below(4) == 0) return LookInList(run_id, next_run_id);
  if (next_run_id.empty() && Below(8) == 0) return Reset(run_id);
  api::DescribeWorkflowExecutionRequest request;
  request.mutable_execution()->set_workflow_id(workflow_id_);
  request.mutable_execution()->set_run_id(run_id);
  CallHere<api::DescribeWorkflowExecutionRequest, api::DescribeWorkflowExecutionResponse>(
      "DescribeWorkflowExecution", request,
      [this, run_id, next_run_id](absl::StatusOr<api::DescribeWorkflowExecutionResponse> response) {
        if (response.status().code() == StatusCode::kNotFound) return Gone(run_id, next_run_id);
        if (!response.ok() || !response->workflow_execution_info().has_close_time()) {
          ledger_.Wrong(absl::StrCat(workflow_id_, " ", run_id,
                                     ": it was terminated and describing it is answered: ",
                                     response.ok() ? "it runs" : response.status().ToString()));
        }
        Later(Below(4000), [this, run_id, next_run_id] { AwaitGone(run_id, next_run_id); });
      });
}

void RetentionClient::LookInList(const std::string& run_id, const std::string& next_run_id) {
  api::ListWorkflowExecutionsRequest request;
  request.set_query(absl::StrCat("RunId = '", run_id, "'"));
  CallHere<api::ListWorkflowExecutionsRequest, api::ListWorkflowExecutionsResponse>(
      "ListWorkflowExecutions", request,
      [this, run_id, next_run_id](absl::StatusOr<api::ListWorkflowExecutionsResponse> response) {
        if (response.ok() && response->executions().empty()) return Gone(run_id, next_run_id);
        if (!response.ok()) {
          ledger_.Wrong(absl::StrCat("listing ", workflow_id_, " ", run_id, ": ",
                                     response.status().ToString()));
        }
        Later(Below(4000), [this, run_id, next_run_id] { AwaitGone(run_id, next_run_id); });
      });
}

void RetentionClient::Reset(const std::string& run_id) {
  api::ResetWorkflowExecutionRequest request;
  request.mutable_workflow_execution()->set_workflow_id(workflow_id_);
  request.mutable_workflow_execution()->set_run_id(run_id);
  request.set_workflow_task_finish_event_id(kResetPoint);
  request.set_request_id(random_.Uuid());
  request.set_reason(kResetReason);
  CallHere<api::ResetWorkflowExecutionRequest, api::ResetWorkflowExecutionResponse>(
      "ResetWorkflowExecution", request,
      [this, run_id](absl::StatusOr<api::ResetWorkflowExecutionResponse> response) {
        if (response.ok()) {
          ledger_.Count("brief run reset");
          ledger_.brief.open_runs[response->run_id()] = workflow_id_;
          return AwaitGone(run_id, response->run_id());
        }
        // The first try may have been the one that is not known.
        ledger_.Count("reset of a brief run refused");
        if (response.status().code() != StatusCode::kNotFound) {
          ledger_.Wrong(absl::StrCat("reset of ", workflow_id_, " ", run_id, ": ",
                                     response.status().ToString()));
        }
        Gone(run_id, "");
      });
}

void RetentionClient::Gone(const std::string& run_id, const std::string& next_run_id) {
  ledger_.Count("brief run gone");
  if (IsYoung()) {
    ledger_.Wrong(absl::StrCat(workflow_id_, " ", run_id, ": it is gone before its time"));
  }
  ledger_.brief.gone_runs[run_id] = workflow_id_;
  LookAgain(run_id, next_run_id, 3);
}

// It never comes back.
void RetentionClient::LookAgain(const std::string& run_id, const std::string& next_run_id,
                                int looks) {
  if (looks == 0) return GoOn(next_run_id);
  api::GetWorkflowExecutionHistoryRequest request;
  request.mutable_execution()->set_workflow_id(workflow_id_);
  request.mutable_execution()->set_run_id(run_id);
  CallHere<api::GetWorkflowExecutionHistoryRequest, api::GetWorkflowExecutionHistoryResponse>(
      "GetWorkflowExecutionHistory", request,
      [this, run_id, next_run_id,
       looks](absl::StatusOr<api::GetWorkflowExecutionHistoryResponse> response) {
        if (response.status().code() != StatusCode::kNotFound) {
          ledger_.Wrong(absl::StrCat(
              workflow_id_, " ", run_id,
              ": it was gone and reading its history is answered: ", response.status().ToString()));
        }
        Later(Below(3000),
              [this, run_id, next_run_id, looks] { LookAgain(run_id, next_run_id, looks - 1); });
      });
}

void RetentionClient::GoOn(const std::string& next_run_id) {
  if (--lives_left_ <= 0) {
    is_done_ = true;
    return;
  }
  if (next_run_id.empty()) return Start();
  Keep(next_run_id, static_cast<int>(Below(3)));
}

}  // namespace perdure::sim
