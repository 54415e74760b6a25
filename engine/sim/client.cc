#include "sim/client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sim/replay.h"

namespace perdure::sim {
namespace {

namespace enums = temporal::api::enums::v1;
using absl::StatusCode;

// Of a run that ended with that event.
int StatusAfter(const HistoryEvent& event) {
  switch (event.event_type()) {
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
      return enums::WORKFLOW_EXECUTION_STATUS_COMPLETED;
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
      return enums::WORKFLOW_EXECUTION_STATUS_FAILED;
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
      return enums::WORKFLOW_EXECUTION_STATUS_CANCELED;
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
      return enums::WORKFLOW_EXECUTION_STATUS_TIMED_OUT;
    default:
      return enums::WORKFLOW_EXECUTION_STATUS_TERMINATED;
  }
}

}  // namespace

Client::Client(Scheduler& scheduler, SimLoop& world, Network& network, Ledger& ledger,
               std::string workflow_id, uint64_t seed)
    : Caller(scheduler, world, network, ledger),
      workflow_id_(std::move(workflow_id)),
      seed_(seed),
      request_id_(random_.Uuid()) {}

std::string Client::Describe() const {
  return absl::StrCat(workflow_id_, ": ", is_closed() ? "closed" : "not closed", ", ",
                      open_requests_, " requests unanswered");
}

void Client::Sent(SentRequest request, const absl::Status& status) {
  using Outcome = SentRequest::Outcome;
  request.end = ledger_.Tick();
  request.outcome = Outcome::kDone;
  if (!status.ok()) {
    const bool is_refused =
        status.code() == StatusCode::kNotFound || status.code() == StatusCode::kAlreadyExists;
    // An earlier try of it may have been carried out.
    SentRequest maybe = request;
    maybe.outcome = Outcome::kUnknown;
    record().requests.push_back(std::move(maybe));
    if (!is_refused) return;
    request.outcome = Outcome::kRefused;
    request.begin = try_began_;
  }
  record().requests.push_back(std::move(request));
}

bool Client::HasOneLog() const { return ledger_.workflows.at(workflow_id_).has_one_log(); }

// A history only grows, but for the events of a workflow task that nothing came of.
void Client::ShowedLength(const std::string& run_id, int64_t length,
                          const std::map<std::string, int64_t>& before) {
  constexpr int64_t kTaskEvents = 2;
  if (run_id.empty()) return;  // Of whichever run was current.
  const auto found = before.find(run_id);
  if (found != before.end() && length + kTaskEvents < found->second) {
    ledger_.Wrong(absl::StrCat("a read of ", workflow_id_, " ", run_id, " saw ", length,
                               " events, though ", found->second, " had been seen"));
  }
  int64_t& longest = record().lengths[run_id];
  longest = std::max(longest, length);
}

void Client::Begin() {
  record().seed = seed_;
  record().may_be_reset = MayBeReset(seed_);
  AskAnyServer();
  const uint64_t manner = random_.Below(10);
  ++open_requests_;
  if (manner < 2) return StartWithSignal();
  if (manner < 4) return StartWithUpdate();
  Start();
}

api::StartWorkflowExecutionRequest Client::StartRequest() {
  api::StartWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.set_workflow_id(workflow_id_);
  request.mutable_workflow_type()->set_name(kWorkflowType);
  request.mutable_task_queue()->set_name(kTaskQueue);
  request.set_request_id(request_id_);
  request.set_identity("client");
  const ProgramInput input{.seed = seed_};
  *request.mutable_input() = PayloadsOf(Encode(input));
  const Program program = MakeProgram(input);
  if (program.attempts_max > 1) {
    request.mutable_retry_policy()->mutable_initial_interval()->set_seconds(1);
    request.mutable_retry_policy()->set_maximum_attempts(program.attempts_max);
  }
  // A late double must not begin a second chain.
  request.set_workflow_id_reuse_policy(enums::WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE);
  if (seed_ % 7 == 0) request.mutable_workflow_start_delay()->set_seconds(2);
  // One field, for the bytes of several come in any order.
  (*request.mutable_memo()->mutable_fields())[kUpsertedMemo] = PayloadsOf("0").payloads(0);
  return request;
}

void Client::Start() {
  CallUntilAnswered<api::StartWorkflowExecutionRequest, api::StartWorkflowExecutionResponse>(
      "StartWorkflowExecution", StartRequest(), absl::Seconds(8),
      [this, began = ledger_.Tick()](absl::StatusOr<api::StartWorkflowExecutionResponse> response) {
        Sent({.kind = SentRequest::Kind::kStart, .begin = began}, response.status());
        OnStarted(response.status(), response.ok() ? response->run_id() : "");
      });
}

void Client::StartWithSignal() {
  const api::StartWorkflowExecutionRequest start = StartRequest();
  api::SignalWithStartWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.set_workflow_id(workflow_id_);
  *request.mutable_workflow_type() = start.workflow_type();
  *request.mutable_task_queue() = start.task_queue();
  *request.mutable_input() = start.input();
  *request.mutable_memo() = start.memo();
  if (start.has_retry_policy()) *request.mutable_retry_policy() = start.retry_policy();
  request.set_workflow_id_reuse_policy(start.workflow_id_reuse_policy());
  request.set_request_id(request_id_);
  request.set_signal_name("client");
  const std::string input = absl::StrCat("first:", workflow_id_);
  *request.mutable_signal_input() = PayloadsOf(input);
  record().signals[input];
  CallUntilAnswered<api::SignalWithStartWorkflowExecutionRequest,
                    api::SignalWithStartWorkflowExecutionResponse>(
      "SignalWithStartWorkflowExecution", request, absl::Seconds(8),
      [this, input, began = ledger_.Tick()](
          absl::StatusOr<api::SignalWithStartWorkflowExecutionResponse> response) {
        Sent({.kind = SentRequest::Kind::kStart, .begin = began}, response.status());
        // Refused for being a repeat, it says nothing of the signal.
        const absl::Status fate = response.ok() ? absl::OkStatus() : absl::UnknownError("");
        Sent({.kind = SentRequest::Kind::kWrite, .begin = began, .entry = input}, fate);
        if (response.ok()) record().signals[input].is_acknowledged = true;
        OnStarted(response.status(), response.ok() ? response->run_id() : "");
      });
}

void Client::StartWithUpdate() {
  const std::string update_id = absl::StrCat(workflow_id_, "-first");
  api::ExecuteMultiOperationRequest request;
  request.set_namespace_("default");
  auto* start = request.add_operations()->mutable_start_workflow();
  *start = StartRequest();
  start->clear_workflow_start_delay();
  start->set_workflow_id_conflict_policy(enums::WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING);
  auto* update = request.add_operations()->mutable_update_workflow();
  update->set_namespace_("default");
  update->mutable_workflow_execution()->set_workflow_id(workflow_id_);
  update->mutable_wait_policy()->set_lifecycle_stage(
      enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED);
  update->mutable_request()->mutable_meta()->set_update_id(update_id);
  update->mutable_request()->mutable_input()->set_name("update");
  const int64_t began = ledger_.Tick();
  updates_began_[update_id] = began;
  record().requests.push_back({.kind = SentRequest::Kind::kStart,
                               .outcome = SentRequest::Outcome::kUnknown,
                               .begin = began});
  record().requests.push_back({.kind = SentRequest::Kind::kWrite,
                               .outcome = SentRequest::Outcome::kUnknown,
                               .begin = began,
                               .entry = update_id});
  network_.Call<api::ExecuteMultiOperationRequest, api::ExecuteMultiOperationResponse>(
      server_, "ExecuteMultiOperation", request, absl::Seconds(10),
      [self = shared_from_this(), this,
       update_id](absl::StatusOr<api::ExecuteMultiOperationResponse> response) {
        if (response.ok()) {
          ledger_.Count("update-with-start answered");
          const auto& outcome = response->responses(1).update_workflow();
          if (outcome.has_outcome()) OnUpdateOutcome(update_id, outcome.outcome());
        }
        // Whatever became of it, the plain start with its request id gives the same run.
        Start();
      });
}

void Client::OnStarted(const absl::Status& status, const std::string& run_id) {
  --open_requests_;
  if (status.code() == StatusCode::kAlreadyExists) {
    // The first try did it, and the chain went on before this one came: its first run is unknown.
    ledger_.Count("start repeated too late");
  } else if (!status.ok()) {
    ledger_.Wrong(absl::StrCat("the start of ", workflow_id_, " was refused: ", status.ToString()));
    is_started_ = true;
    return;
  }
  record().is_started = true;
  record().first_run_id = run_id;
  is_started_ = true;
  ledger_.Count("workflow started");
  PlanActions();
  if (!run_id.empty()) LookForStarted(run_id);
  ++open_waits_;
  WaitForClose(run_id, "");
}

void Client::PlanActions() {
  const auto after = [this](int64_t within_ms, runtime::Task task) {
    ++open_requests_;
    world_.After(
        absl::Milliseconds(static_cast<int64_t>(random_.Below(static_cast<uint64_t>(within_ms)))),
        [self = shared_from_this(), task = std::move(task)]() mutable { std::move(task)(); });
  };
  const int64_t signals =
      SignalGoal(seed_) + (random_.Chance(0.3) ? static_cast<int64_t>(random_.Below(4)) : 0);
  for (int64_t i = 0; i < signals; ++i) {
    after(20'000, [this, i] { Signal(absl::StrCat(workflow_id_, "#", i)); });
  }
  const uint64_t updates = random_.Below(4);
  for (uint64_t i = 0; i < updates; ++i) {
    after(15'000, [this, i] { Update(absl::StrCat(workflow_id_, "-u", i)); });
  }
  const uint64_t queries = random_.Below(4);
  for (uint64_t i = 0; i < queries; ++i) after(20'000, [this] { Query(); });
  const uint64_t reads = random_.Below(3);
  for (uint64_t i = 0; i < reads; ++i) {
    after(20'000, [this] { ReadHistory({record().first_run_id, record().lengths}, ""); });
    after(20'000, [this] { DescribeRun(); });
  }
  if (random_.Chance(0.1)) after(20'000, [this] { StartRival(); });
  if (random_.Chance(0.5)) KeepLooking(40);
  // A run that is reset after its end may wait for a child that ended in between: nobody tells it.
  const bool may_end = !record().may_be_reset;
  if (may_end && random_.Chance(0.1)) after(20'000, [this] { Cancel(); });
  if (may_end && random_.Chance(0.07)) after(20'000, [this] { Terminate(); });
  if (random_.Chance(0.07)) after(10'000, [this] { PauseAndUnpause(); });
  if (random_.Chance(0.15)) after(10'000, [this] { PauseActivity(); });
  if (record().may_be_reset) after(20'000, [this] { Reset(); });
}

void Client::Signal(const std::string& input) {
  api::SignalWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.mutable_workflow_execution()->set_workflow_id(workflow_id_);
  request.set_signal_name("client");
  request.set_request_id(random_.Uuid());
  *request.mutable_input() = PayloadsOf(input);
  record().signals[input];
  CallUntilAnswered<api::SignalWorkflowExecutionRequest, api::SignalWorkflowExecutionResponse>(
      "SignalWorkflowExecution", request, absl::Seconds(5),
      [this, input,
       began = ledger_.Tick()](absl::StatusOr<api::SignalWorkflowExecutionResponse> response) {
        --open_requests_;
        Sent({.kind = SentRequest::Kind::kWrite, .begin = began, .entry = input},
             response.status());
        if (random_.Chance(0.3)) LookAgain();
        if (response.ok()) {
          record().signals[input].is_acknowledged = true;
          ledger_.Count("signal acknowledged");
        } else if (response.status().code() != StatusCode::kNotFound) {
          ledger_.Wrong(absl::StrCat("signal ", input, ": ", response.status().ToString()));
        }
      });
}

void Client::Update(const std::string& update_id) {
  api::UpdateWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.mutable_workflow_execution()->set_workflow_id(workflow_id_);
  request.mutable_wait_policy()->set_lifecycle_stage(
      random_.Chance(0.3) ? enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED
                          : enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED);
  request.mutable_request()->mutable_meta()->set_update_id(update_id);
  request.mutable_request()->mutable_input()->set_name("update");
  if (updates_began_.emplace(update_id, ledger_.Tick()).second) {
    // Its answer comes later, if at all.
    record().requests.push_back({.kind = SentRequest::Kind::kWrite,
                                 .outcome = SentRequest::Outcome::kUnknown,
                                 .begin = updates_began_[update_id],
                                 .entry = update_id});
  }
  CallUntilAnswered<api::UpdateWorkflowExecutionRequest, api::UpdateWorkflowExecutionResponse>(
      "UpdateWorkflowExecution", request, absl::Seconds(10),
      [this, update_id](absl::StatusOr<api::UpdateWorkflowExecutionResponse> response) {
        if (!response.ok()) {
          --open_requests_;
          // The run closed first, or did not get to it.
          if (response.status().code() != StatusCode::kNotFound &&
              response.status().code() != StatusCode::kFailedPrecondition) {
            ledger_.Wrong(absl::StrCat("update ", update_id, ": ", response.status().ToString()));
          }
          return;
        }
        if (response->has_outcome()) {
          --open_requests_;
          return OnUpdateOutcome(update_id, response->outcome());
        }
        if (response->stage() == enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED) {
          ledger_.Count("update accepted");
          Sent({.kind = SentRequest::Kind::kWrite,
                .begin = updates_began_[update_id],
                .entry = update_id},
               absl::OkStatus());
          record().updates.emplace(update_id, "");
        }
        // Asked again until its end is known, as SDKs do.
        world_.After(absl::Milliseconds(300),
                     [self = shared_from_this(), this, update_id] { Update(update_id); });
      });
}

void Client::OnUpdateOutcome(const std::string& update_id,
                             const temporal::api::update::v1::Outcome& outcome) {
  if (outcome.has_success()) {
    ledger_.Count("update answered");
    const std::string text = TextOf(outcome.success());
    if (!absl::StartsWith(text, "done:") || !absl::EndsWith(text, update_id)) {
      ledger_.Wrong(absl::StrCat("update ", update_id, " was answered with ", text));
    }
    SentRequest write{
        .kind = SentRequest::Kind::kWrite, .begin = updates_began_[update_id], .entry = update_id};
    if (HasOneLog()) write.seen = SplitLog(text.substr(5));
    Sent(std::move(write), absl::OkStatus());
    record().updates[update_id] = text;
    return;
  }
  if (outcome.failure().application_failure_info().type() == "rejected") {
    ledger_.Count("update rejected");
    record().rejected_updates.insert(update_id);
    return;
  }
  // The run closed under an accepted update.
  if (outcome.failure().application_failure_info().type() == "AcceptedUpdateCompletedWorkflow") {
    return;
  }
  ledger_.Wrong(absl::StrCat("update ", update_id, " failed: ", outcome.failure().message()));
}

void Client::Query() {
  api::QueryWorkflowRequest request;
  request.set_namespace_("default");
  request.mutable_execution()->set_workflow_id(workflow_id_);
  request.mutable_query()->set_query_type("signals");
  network_.Call<api::QueryWorkflowRequest, api::QueryWorkflowResponse>(
      server_, "QueryWorkflow", request, absl::Seconds(10),
      [self = shared_from_this(), this,
       began = ledger_.Tick()](absl::StatusOr<api::QueryWorkflowResponse> response) {
        --open_requests_;
        if (!response.ok()) return ledger_.Count("query failed");
        if (response->has_query_rejected()) return ledger_.Count("query rejected");
        ledger_.Count("query answered");
        if (!HasOneLog()) return;
        Sent({.begin = began, .seen = SplitLog(TextOf(response->query_result()))},
             absl::OkStatus());
      });
}

void Client::LookAgain() {
  AskAnyServer();
  ++open_requests_;
  if (random_.Chance(0.2)) return Query();
  DescribeRun();
}

void Client::KeepLooking(int times) {
  if (is_closed() || times == 0) return;
  LookAgain();
  world_.After(absl::Milliseconds(static_cast<int64_t>(random_.Below(1500))),
               [self = shared_from_this(), this, times] { KeepLooking(times - 1); });
}

// It cannot begin a second chain, for this id was used.
void Client::StartRival() {
  api::StartWorkflowExecutionRequest request = StartRequest();
  request.set_request_id(random_.Uuid());
  CallUntilAnswered<api::StartWorkflowExecutionRequest, api::StartWorkflowExecutionResponse>(
      "StartWorkflowExecution", request, absl::Seconds(8),
      [this](absl::StatusOr<api::StartWorkflowExecutionResponse> response) {
        --open_requests_;
        ledger_.Count("start of a rival refused");
        if (response.status().code() == StatusCode::kAlreadyExists) return;
        ledger_.Wrong(absl::StrCat("a second start of ", workflow_id_,
                                   " was answered: ", response.status().ToString()));
      });
}

void Client::DescribeRun() {
  api::DescribeWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.mutable_execution()->set_workflow_id(workflow_id_);
  CallUntilAnswered<api::DescribeWorkflowExecutionRequest, api::DescribeWorkflowExecutionResponse>(
      "DescribeWorkflowExecution", request, absl::Seconds(5),
      [this,
       before = record().lengths](absl::StatusOr<api::DescribeWorkflowExecutionResponse> response) {
        --open_requests_;
        if (!response.ok()) {
          return ledger_.Wrong(
              absl::StrCat("describe ", workflow_id_, ": ", response.status().ToString()));
        }
        ledger_.Count("run described");
        const auto& info = response->workflow_execution_info();
        ShowedLength(info.execution().run_id(), info.history_length(), before);
        Sent({.begin = try_began_, .is_running = !info.has_close_time()}, absl::OkStatus());
      });
}

void Client::ReadHistory(const Reading& reading, const std::string& page_token) {
  api::GetWorkflowExecutionHistoryRequest request;
  request.set_namespace_("default");
  request.mutable_execution()->set_workflow_id(workflow_id_);
  request.mutable_execution()->set_run_id(reading.run_id);
  request.set_maximum_page_size(static_cast<int32_t>(1 + random_.Below(20)));
  request.set_next_page_token(page_token);
  CallUntilAnswered<api::GetWorkflowExecutionHistoryRequest,
                    api::GetWorkflowExecutionHistoryResponse>(
      "GetWorkflowExecutionHistory", request, absl::Seconds(5),
      [this, reading](absl::StatusOr<api::GetWorkflowExecutionHistoryResponse> response) {
        if (!response.ok()) {
          --open_requests_;
          return ledger_.Wrong(absl::StrCat("reading the history of ", workflow_id_, ": ",
                                            response.status().ToString()));
        }
        // All of it is as it will be for ever, but for the events of a task that is out.
        const auto& events = response->history().events();
        for (int i = 0; i < events.size(); ++i) {
          const bool is_of_task =
              events[i].event_type() == enums::EVENT_TYPE_WORKFLOW_TASK_SCHEDULED ||
              events[i].event_type() == enums::EVENT_TYPE_WORKFLOW_TASK_STARTED;
          if (is_of_task && i + 2 >= events.size()) continue;
          ledger_.SeeEvent(reading.run_id, events[i].event_id(), BytesOf(events[i]));
        }
        if (response->next_page_token().empty()) {
          --open_requests_;
          if (!events.empty()) {
            ShowedLength(reading.run_id, events.rbegin()->event_id(), reading.before);
          }
          return ledger_.Count("history read");
        }
        ReadHistory(reading, response->next_page_token());
      });
}

void Client::Cancel() {
  api::RequestCancelWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.mutable_workflow_execution()->set_workflow_id(workflow_id_);
  request.set_request_id(random_.Uuid());
  record().may_be_cancelled = true;
  CallUntilAnswered<api::RequestCancelWorkflowExecutionRequest,
                    api::RequestCancelWorkflowExecutionResponse>(
      "RequestCancelWorkflowExecution", request, absl::Seconds(5),
      [this](absl::StatusOr<api::RequestCancelWorkflowExecutionResponse> response) {
        --open_requests_;
        ledger_.Count(response.ok() ? "cancel acknowledged" : "cancel refused");
      });
}

void Client::Terminate() {
  api::TerminateWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.mutable_workflow_execution()->set_workflow_id(workflow_id_);
  record().may_be_terminated = true;
  CallUntilAnswered<api::TerminateWorkflowExecutionRequest,
                    api::TerminateWorkflowExecutionResponse>(
      "TerminateWorkflowExecution", request, absl::Seconds(5),
      [this,
       began = ledger_.Tick()](absl::StatusOr<api::TerminateWorkflowExecutionResponse> response) {
        --open_requests_;
        Sent({.kind = SentRequest::Kind::kClose, .begin = began}, response.status());
        ledger_.Count(response.ok() ? "terminate acknowledged" : "terminate refused");
      });
}

void Client::WaitForClose(const std::string& run_id, const std::string& page_token) {
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
          ledger_.Wrong(
              absl::StrCat("waiting for ", workflow_id_, ": ", response.status().ToString()));
          --open_waits_;
          return;
        }
        if (response->history().events().empty()) {
          return WaitForClose(run_id, response->next_page_token());
        }
        const auto& event = response->history().events(response->history().events_size() - 1);
        ledger_.SeeEvent(run_id, event.event_id(), BytesOf(event));
        const std::string next = NextRunAfter(event);
        if (!next.empty()) return WaitForClose(next, "");
        record().is_closed = true;
        --open_waits_;
        if (!run_id.empty()) LookForClosed(run_id, StatusAfter(event));
        Sent({.begin = try_began_, .is_running = false}, absl::OkStatus());
        ledger_.Count("workflow closed");
      });
}

}  // namespace perdure::sim
