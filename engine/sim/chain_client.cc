#include "sim/chain_client.h"

#include <iterator>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sim/replay.h"

namespace perdure::sim {
namespace {

namespace enums = temporal::api::enums::v1;
using absl::StatusCode;

// How often it is looked whether a chain that was cancelled has ended, and how far apart: a run of
// the slowest schedule waits two minutes for its time.
constexpr int kLooksMax = 60;
constexpr int64_t kLookMs = 4000;

}  // namespace

void ChainClient::Begin() {
  AskAnyServer();
  actions_left_ = 2 + static_cast<int>(Below(5));
  Start();
}

api::StartWorkflowExecutionRequest ChainClient::StartRequest() {
  constexpr const char* kSchedules[] = {"", "@every 3s", "@every 8s", "* * * * *", "*/2 * * * *"};
  api::StartWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.set_workflow_id(workflow_id_);
  request.mutable_workflow_type()->set_name(kWorkflowType);
  request.mutable_task_queue()->set_name(kTaskQueue);
  request.set_request_id(random_.Uuid());
  request.set_cron_schedule(kSchedules[Below(5)]);
  if (request.cron_schedule().empty() || Below(2) == 0) {
    auto& policy = *request.mutable_retry_policy();
    policy.mutable_initial_interval()->set_seconds(1 + Below(3));
    policy.set_backoff_coefficient(2);
    policy.mutable_maximum_interval()->set_seconds(5);
    policy.set_maximum_attempts(static_cast<int32_t>(2 + Below(4)));
    policy.add_non_retryable_error_types(kFinalFailure);
  }
  if (Below(2) == 0) request.mutable_workflow_run_timeout()->set_seconds(12 + Below(10));
  request.set_workflow_id_reuse_policy(enums::WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE);
  *request.mutable_input() =
      PayloadsOf(Encode(ProgramInput{.seed = random_.Next(), .is_link = true}));
  (*request.mutable_memo()->mutable_fields())["chain"] = PayloadsOf(workflow_id_).payloads(0);
  return request;
}

void ChainClient::Start() {
  CallUntilAnswered<api::StartWorkflowExecutionRequest, api::StartWorkflowExecutionResponse>(
      "StartWorkflowExecution", StartRequest(), absl::Seconds(8),
      [this](absl::StatusOr<api::StartWorkflowExecutionResponse> response) {
        // The first try did it, and its run ended before this one came.
        const bool is_late = response.status().code() == StatusCode::kAlreadyExists;
        if (!response.ok() && !is_late) {
          is_ended_ = true;
          return ledger_.Wrong(absl::StrCat("the start of ", workflow_id_,
                                            " was refused: ", response.status().ToString()));
        }
        ledger_.Count("chain started");
        record().is_started = true;
        if (response.ok()) record().first_run_id = response->run_id();
        ++open_waits_;
        Follow(record().first_run_id, "");
        Later(Below(8000), [this] { Act(); });
      });
}

void ChainClient::Act() {
  if (--actions_left_ < 0) return End();
  AskAnyServer();
  const int64_t choice = Below(10);
  if (choice < 5) return Signal();
  if (choice < 8) return Describe();
  Reset();
}

void ChainClient::Signal() {
  const std::string input = absl::StrCat(workflow_id_, "#", signals_++);
  api::SignalWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.mutable_workflow_execution()->set_workflow_id(workflow_id_);
  request.set_signal_name("client");
  request.set_request_id(random_.Uuid());
  *request.mutable_input() = PayloadsOf(input);
  record().signals[input];
  CallUntilAnswered<api::SignalWorkflowExecutionRequest, api::SignalWorkflowExecutionResponse>(
      "SignalWorkflowExecution", request, absl::Seconds(5),
      [this, input](absl::StatusOr<api::SignalWorkflowExecutionResponse> response) {
        if (response.ok()) {
          ledger_.Count("chain signalled");
          record().signals[input].is_acknowledged = true;
        } else if (response.status().code() != StatusCode::kNotFound) {
          ledger_.Wrong(absl::StrCat("signal ", input, ": ", response.status().ToString()));
        }
        Later(Below(8000), [this] { Act(); });
      });
}

// Whoever is asked knows of a link that somebody has seen.
void ChainClient::Describe() {
  const std::set<std::string>& seen = record().links_seen;
  const std::string run_id =
      seen.empty() ? record().first_run_id
                   : *std::next(seen.begin(), Below(static_cast<int64_t>(seen.size())));
  api::DescribeWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.mutable_execution()->set_workflow_id(workflow_id_);
  request.mutable_execution()->set_run_id(run_id);
  CallUntilAnswered<api::DescribeWorkflowExecutionRequest, api::DescribeWorkflowExecutionResponse>(
      "DescribeWorkflowExecution", request, absl::Seconds(5),
      [this, run_id](absl::StatusOr<api::DescribeWorkflowExecutionResponse> response) {
        ledger_.Count("link described");
        if (!response.ok()) {
          ledger_.Wrong(absl::StrCat(workflow_id_, " ", run_id, ": it was seen and describing it ",
                                     "is answered: ", response.status().ToString()));
        }
        Later(Below(8000), [this] { Act(); });
      });
}

// --- Reset

// To a workflow task of the current run, or of one that was before it.
void ChainClient::Reset() {
  const std::set<std::string>& seen = record().links_seen;
  if (!seen.empty() && Below(2) == 0) {
    return ResetThat(*std::next(seen.begin(), Below(static_cast<int64_t>(seen.size()))));
  }
  api::DescribeWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.mutable_execution()->set_workflow_id(workflow_id_);
  CallUntilAnswered<api::DescribeWorkflowExecutionRequest, api::DescribeWorkflowExecutionResponse>(
      "DescribeWorkflowExecution", request, absl::Seconds(5),
      [this](absl::StatusOr<api::DescribeWorkflowExecutionResponse> response) {
        if (response.ok()) {
          return ResetThat(response->workflow_execution_info().execution().run_id());
        }
        ledger_.Wrong(absl::StrCat("describe ", workflow_id_, ": ", response.status().ToString()));
        Act();
      });
}

void ChainClient::ResetThat(const std::string& run_id) {
  api::GetWorkflowExecutionHistoryRequest request;
  request.set_namespace_("default");
  request.mutable_execution()->set_workflow_id(workflow_id_);
  request.mutable_execution()->set_run_id(run_id);
  CallUntilAnswered<api::GetWorkflowExecutionHistoryRequest,
                    api::GetWorkflowExecutionHistoryResponse>(
      "GetWorkflowExecutionHistory", request, absl::Seconds(5),
      [this, run_id](absl::StatusOr<api::GetWorkflowExecutionHistoryResponse> response) {
        if (!response.ok()) {
          ledger_.Wrong(absl::StrCat("reading the history of ", workflow_id_, " ", run_id, ": ",
                                     response.status().ToString()));
          return Act();
        }
        std::vector<int64_t> points;
        for (const auto& event : response->history().events()) {
          if (event.has_workflow_task_completed_event_attributes()) {
            points.push_back(event.event_id());
          }
        }
        if (points.empty()) {
          ledger_.Count("no task of a link to reset to");
          return Act();
        }
        ResetTo(run_id, points[static_cast<size_t>(Below(static_cast<int64_t>(points.size())))]);
      });
}

void ChainClient::ResetTo(const std::string& run_id, int64_t event_id) {
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
        if (!response.ok()) {
          ledger_.Wrong(absl::StrCat("reset of ", workflow_id_, " ", run_id, ": ",
                                     response.status().ToString()));
          return Act();
        }
        ledger_.Count("link reset");
        record().resets[response->run_id()] = run_id;
        ++open_waits_;
        Follow(response->run_id(), "");
        Later(Below(8000), [this] { Act(); });
      });
}

// --- The end

void ChainClient::End() {
  AskAnyServer();
  if (Below(2) == 0) return Terminate();
  Cancel();
}

void ChainClient::Cancel() {
  api::RequestCancelWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.mutable_workflow_execution()->set_workflow_id(workflow_id_);
  request.set_request_id(random_.Uuid());
  CallUntilAnswered<api::RequestCancelWorkflowExecutionRequest,
                    api::RequestCancelWorkflowExecutionResponse>(
      "RequestCancelWorkflowExecution", request, absl::Seconds(5),
      [this](absl::StatusOr<api::RequestCancelWorkflowExecutionResponse> response) {
        ledger_.Count(response.ok() ? "chain cancelled" : "cancel of a chain refused");
        is_cancelled_ = response.ok();
        AwaitEnd(kLooksMax);
      });
}

void ChainClient::Terminate() {
  api::TerminateWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.mutable_workflow_execution()->set_workflow_id(workflow_id_);
  CallUntilAnswered<api::TerminateWorkflowExecutionRequest,
                    api::TerminateWorkflowExecutionResponse>(
      "TerminateWorkflowExecution", request, absl::Seconds(5),
      [this](absl::StatusOr<api::TerminateWorkflowExecutionResponse> response) {
        ledger_.Count(response.ok() ? "chain terminated" : "termination of a chain refused");
        record().is_terminated = response.ok();
        AwaitEnd(1);
      });
}

void ChainClient::AwaitEnd(int looks) {
  AskAnyServer();
  api::DescribeWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.mutable_execution()->set_workflow_id(workflow_id_);
  CallUntilAnswered<api::DescribeWorkflowExecutionRequest, api::DescribeWorkflowExecutionResponse>(
      "DescribeWorkflowExecution", request, absl::Seconds(5),
      [this, looks](absl::StatusOr<api::DescribeWorkflowExecutionResponse> response) {
        const auto& info = response.ok() ? response->workflow_execution_info()
                                         : temporal::api::workflow::v1::WorkflowExecutionInfo();
        if (response.ok() && info.has_close_time()) {
          is_ended_ = true;
          return ledger_.Count("chain ended");
        }
        if (!response.ok() || record().is_terminated) {
          is_ended_ = true;
          return ledger_.Wrong(
              absl::StrCat(workflow_id_, " ", info.execution().run_id(),
                           ": it was terminated and a look at it is answered: ",
                           response.ok() ? "it runs" : response.status().ToString()));
        }
        // Acknowledged for a run that had ended, it says nothing.
        record().is_cancelled = is_cancelled_;
        if (looks > 0) return Later(kLookMs, [this, looks] { AwaitEnd(looks - 1); });
        // The run that was asked to end did so by its timeout, and another followed it.
        ledger_.Count("chain outlived its cancellation");
        Terminate();
      });
}

// As clients wait for a result: from the end of each run to the next one.
void ChainClient::Follow(const std::string& run_id, const std::string& page_token) {
  api::GetWorkflowExecutionHistoryRequest request;
  request.set_namespace_("default");
  request.mutable_execution()->set_workflow_id(workflow_id_);
  request.mutable_execution()->set_run_id(run_id);
  request.set_wait_new_event(true);
  request.set_history_event_filter_type(enums::HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT);
  request.set_next_page_token(page_token);
  CallUntilAnswered<api::GetWorkflowExecutionHistoryRequest,
                    api::GetWorkflowExecutionHistoryResponse>(
      "GetWorkflowExecutionHistory", request, absl::Seconds(30),
      [this, run_id](absl::StatusOr<api::GetWorkflowExecutionHistoryResponse> response) {
        if (!response.ok()) {
          --open_waits_;
          return ledger_.Wrong(absl::StrCat("following ", workflow_id_, " ", run_id, ": ",
                                            response.status().ToString()));
        }
        const auto& events = response->history().events();
        if (events.empty()) return Follow(run_id, response->next_page_token());
        const HistoryEvent& event = *events.rbegin();
        ledger_.SeeEvent(run_id, event.event_id(), BytesOf(event));
        const std::string next = NextRunAfter(event);
        if (next.empty()) {
          --open_waits_;
          return;
        }
        ledger_.Count("link followed");
        record().links_seen.insert(next);
        Follow(next, "");
      });
}

}  // namespace perdure::sim
