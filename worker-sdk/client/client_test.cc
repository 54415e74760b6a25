// The client against a scripted server: what it sends, and what it makes of the answers.
#include "perdure/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/rpc/status.pb.h"
#include "perdure/context_propagator.h"
#include "perdure/define.h"
#include "perdure/raw.h"
#include "perdure/schedule.h"
#include "temporal/api/errordetails/v1/message.pb.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"
#include "worker-sdk/client/scripted_server.h"
#include "worker-sdk/client/transport.h"

namespace perdure {
namespace shop {

struct Order {
  task<std::string> run(std::string name, int count);
  void approve(std::string by);
  std::string status() const;
  task<int> add(int count);
  using handlers = define<entry<&Order::run>, signal<&Order::approve, "Approve">,
                          query<&Order::status>, update<&Order::add>>;
};

}  // namespace shop

namespace {

namespace api = temporal::api::workflowservice::v1;
using client::ScriptedServer;
using shop::Order;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using History_ = temporal::api::history::v1::History;

class ClientTest : public ::testing::Test {
 protected:
  Client Connect(ClientOptions options = {}) {
    options.target = server_.target();
    options.identity = "tester";
    options.lazy = true;
    return Client::connect(std::move(options));
  }
  // The workflow runs, and the update has this result.
  void AnswerUpdateWithStart(const std::string& run_id, const std::string& json) {
    api::ExecuteMultiOperationResponse response;
    response.add_responses()->mutable_start_workflow()->set_run_id(run_id);
    auto* update = response.add_responses()->mutable_update_workflow();
    update->set_stage(
        temporal::api::enums::v1::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED);
    auto* payload = update->mutable_outcome()->mutable_success()->add_payloads();
    (*payload->mutable_metadata())["encoding"] = "json/plain";
    payload->set_data(json);
    server_.Answers("ExecuteMultiOperation", response);
  }
  void AnswerStart() {
    api::StartWorkflowExecutionResponse response;
    response.set_run_id("run-1");
    response.set_started(true);
    server_.Answers("StartWorkflowExecution", response);
  }
  void Refuse(const std::string& method, absl::Status status,
              const google::protobuf::Message* detail = nullptr) {
    if (detail != nullptr) {
      google::rpc::Status rpc;
      rpc.set_code(static_cast<int>(status.code()));
      rpc.add_details()->PackFrom(*detail);
      const std::string bytes = rpc.SerializeAsString();
      status.SetPayload("type.googleapis.com/google.rpc.Status",
                        absl::Cord(absl::string_view(bytes)));
    }
    server_.On(method, [status](const auto&) -> ScriptedServer::Reply { return status; });
  }
  // Answers history polls of each run with its closing event.
  void CloseRuns(std::map<std::string, temporal::api::history::v1::HistoryEvent> closings) {
    server_
        .OnCall<api::GetWorkflowExecutionHistoryRequest, api::GetWorkflowExecutionHistoryResponse>(
            "GetWorkflowExecutionHistory",
            [closings = std::move(closings)](
                const auto& request) -> absl::StatusOr<api::GetWorkflowExecutionHistoryResponse> {
              api::GetWorkflowExecutionHistoryResponse response;
              if (request.next_page_token().empty()) {
                response.set_next_page_token("wait longer");  // As after the server's own limit.
              } else {
                *response.mutable_history()->add_events() =
                    closings.at(request.execution().run_id());
              }
              return response;
            });
  }

  ScriptedServer server_;
};

TEST_F(ClientTest, AStartCarriesItsOptionsAndConvertedArguments) {
  using namespace std::chrono_literals;
  AnswerStart();
  const PayloadMap memo = {{"m", encode(1)}};
  start_options options;
  options.id = "order-1";
  options.task_queue = "orders";
  options.run_timeout = 90s;
  options.id_reuse = id_reuse_policy::reject_duplicate;
  options.id_conflict = id_conflict_policy::use_existing;
  options.retry = {.initial_interval = 2s, .maximum_attempts = 3, .non_retryable = {"Bad"}};
  options.memo = &memo;
  options.summary = "an order";
  options.priority = {.key = 2, .fairness_key = "ann"};
  options.versioning = {
      .what = versioning_override::kind::pinned, .deployment_name = "shop", .build_id = "7"};
  const auto handle = Connect({.namespace_ = "main"}).start<&Order::run>(options, "Ann", 3);
  EXPECT_EQ(handle.id(), "order-1");
  EXPECT_EQ(handle.run_id(), "run-1");
  const auto request = server_.Last<api::StartWorkflowExecutionRequest>("StartWorkflowExecution");
  EXPECT_EQ(request.namespace_(), "main");
  EXPECT_EQ(request.workflow_type().name(), "Order");
  EXPECT_EQ(request.task_queue().name(), "orders");
  EXPECT_EQ(request.identity(), "tester");
  EXPECT_EQ(request.input().payloads(0).data(), "\"Ann\"");
  EXPECT_EQ(request.input().payloads(1).data(), "3");
  EXPECT_EQ(request.workflow_run_timeout().seconds(), 90);
  EXPECT_EQ(request.workflow_id_reuse_policy(), 3);
  EXPECT_EQ(request.workflow_id_conflict_policy(), 2);
  EXPECT_EQ(request.retry_policy().maximum_attempts(), 3);
  EXPECT_THAT(request.retry_policy().non_retryable_error_types(), ElementsAre("Bad"));
  EXPECT_EQ(request.memo().fields().at("m").data(), "1");
  EXPECT_EQ(request.user_metadata().summary().data(), "\"an order\"");
  EXPECT_EQ(request.priority().priority_key(), 2);
  EXPECT_EQ(request.versioning_override().pinned().version().build_id(), "7");
  EXPECT_EQ(request.request_id().size(), 36u);
  EXPECT_FALSE(request.has_workflow_execution_timeout());
}

TEST_F(ClientTest, ARetriedStartIsTheSameStart) {
  std::vector<std::string> ids;
  server_.OnCall<api::StartWorkflowExecutionRequest, api::StartWorkflowExecutionResponse>(
      "StartWorkflowExecution",
      [&ids](const auto& request) -> absl::StatusOr<api::StartWorkflowExecutionResponse> {
        ids.push_back(request.request_id());
        if (ids.size() == 1) return absl::UnavailableError("restarting");
        return api::StartWorkflowExecutionResponse();
      });
  Connect().start<&Order::run>({.task_queue = "q"}, "Ann", 3);
  ASSERT_EQ(ids.size(), 2u);
  EXPECT_EQ(ids[0], ids[1]);
}

TEST_F(ClientTest, AnIdInUseNamesTheRunThatHasIt) {
  temporal::api::errordetails::v1::WorkflowExecutionAlreadyStartedFailure detail;
  detail.set_run_id("run-0");
  Refuse("StartWorkflowExecution",
         absl::AlreadyExistsError("Workflow execution is already running"), &detail);
  try {
    Connect().start<&Order::run>({.id = "order-1", .task_queue = "q"}, "Ann", 3);
    FAIL() << "the id is in use";
  } catch (const WorkflowAlreadyStartedError& error) {
    EXPECT_EQ(error.workflow_id(), "order-1");
    EXPECT_EQ(error.workflow_type(), "Order");
    EXPECT_EQ(error.run_id(), "run-0");
    EXPECT_EQ(error.code(), RpcCode::already_exists);
  }
}

TEST_F(ClientTest, AResultIsFollowedThroughRuns) {
  std::map<std::string, temporal::api::history::v1::HistoryEvent> closings;
  closings["run-1"]
      .mutable_workflow_execution_continued_as_new_event_attributes()
      ->set_new_execution_run_id("run-2");
  auto* failed = closings["run-2"].mutable_workflow_execution_failed_event_attributes();
  failed->set_new_execution_run_id("run-3");
  auto* completed = closings["run-3"].mutable_workflow_execution_completed_event_attributes();
  completed->mutable_result()->add_payloads()->set_data("\"done\"");
  (*completed->mutable_result()->mutable_payloads(0)->mutable_metadata())["encoding"] =
      "json/plain";
  AnswerStart();
  CloseRuns(closings);
  const auto handle = Connect().start<&Order::run>({.task_queue = "q"}, "Ann", 3);
  EXPECT_EQ(handle.result(), "done");
  EXPECT_THROW(handle.result({.follow_runs = false}), WorkflowContinuedAsNewError);
  const auto second = Connect().handle<&Order::run>(handle.id(), "run-2");
  EXPECT_THROW(second.result({.follow_runs = false}), WorkflowFailedError);
}

TEST_F(ClientTest, AFailedWorkflowThrowsItsReasonTyped) {
  std::map<std::string, temporal::api::history::v1::HistoryEvent> closings;
  auto* failure =
      closings["run-1"].mutable_workflow_execution_failed_event_attributes()->mutable_failure();
  failure->set_message("no such account");
  failure->mutable_application_failure_info()->set_type("AccountError");
  closings["run-2"].mutable_workflow_execution_timed_out_event_attributes();
  closings["run-3"].mutable_workflow_execution_canceled_event_attributes();
  closings["run-4"].mutable_workflow_execution_terminated_event_attributes()->set_reason("enough");
  CloseRuns(closings);
  const Client client = Connect();
  const auto reason = [&client](const char* run) {
    try {
      client.handle<&Order::run>("order-1", run).result();
    } catch (const WorkflowFailedError& error) {
      EXPECT_EQ(error.run_id(), run);
      error.rethrow_cause();
    }
  };
  try {
    reason("run-1");
    FAIL() << "it failed";
  } catch (const ApplicationError& error) {
    EXPECT_EQ(error.type(), "AccountError");
    EXPECT_THAT(error.what(), HasSubstr("no such account"));
  }
  EXPECT_THROW(reason("run-2"), TimeoutError);
  EXPECT_THROW(reason("run-3"), CanceledError);
  EXPECT_THROW(reason("run-4"), TerminatedError);
}

TEST_F(ClientTest, SignalsAndQueriesGoToTheLatestRunUnderTheirNames) {
  AnswerStart();
  server_.Answers<api::SignalWorkflowExecutionResponse>("SignalWorkflowExecution");
  api::QueryWorkflowResponse status;
  (*status.mutable_query_result()->add_payloads()->mutable_metadata())["encoding"] = "json/plain";
  status.mutable_query_result()->mutable_payloads(0)->set_data("\"open\"");
  server_.Answers("QueryWorkflow", status);
  const auto handle = Connect().start<&Order::run>({.id = "o", .task_queue = "q"}, "Ann", 3);
  handle.signal<&Order::approve>("bob");
  EXPECT_EQ(handle.query<&Order::status>(), "open");
  const auto signal = server_.Last<api::SignalWorkflowExecutionRequest>("SignalWorkflowExecution");
  EXPECT_EQ(signal.signal_name(), "Approve");
  EXPECT_EQ(signal.workflow_execution().run_id(), "");
  EXPECT_EQ(signal.input().payloads(0).data(), "\"bob\"");
  EXPECT_EQ(server_.Last<api::QueryWorkflowRequest>("QueryWorkflow").query().query_type(),
            "status");
}

TEST_F(ClientTest, AQueryThatFailedOrWasRejectedThrows) {
  temporal::api::errordetails::v1::QueryFailedFailure detail;
  detail.mutable_failure()->set_message("no items yet");
  Refuse("QueryWorkflow", absl::InvalidArgumentError("query failed"), &detail);
  const auto handle = Connect().handle<&Order::run>("o");
  try {
    handle.query<&Order::status>();
    FAIL() << "the query failed";
  } catch (const QueryFailedError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no items yet"));
  }
  api::QueryWorkflowResponse rejected;
  rejected.mutable_query_rejected()->set_status(
      temporal::api::enums::v1::WORKFLOW_EXECUTION_STATUS_COMPLETED);
  server_.Answers("QueryWorkflow", rejected);
  try {
    handle.query_with<&Order::status>({.reject = query_reject_condition::not_open});
    FAIL() << "the query was rejected";
  } catch (const QueryRejectedError& error) {
    EXPECT_EQ(error.status(), WorkflowStatus::completed);
  }
}

TEST_F(ClientTest, AnUpdateWaitsForItsOutcome) {
  int calls = 0;
  server_.OnCall<api::UpdateWorkflowExecutionRequest, api::UpdateWorkflowExecutionResponse>(
      "UpdateWorkflowExecution",
      [&calls](const auto& request) -> absl::StatusOr<api::UpdateWorkflowExecutionResponse> {
        api::UpdateWorkflowExecutionResponse response;
        response.mutable_update_ref()->set_update_id(request.request().meta().update_id());
        response.mutable_update_ref()->mutable_workflow_execution()->set_run_id("run-7");
        response.set_stage(
            ++calls == 1
                ? temporal::api::enums::v1::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED
                : temporal::api::enums::v1::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED);
        return response;
      });
  int polls = 0;
  server_.OnCall<api::PollWorkflowExecutionUpdateRequest, api::PollWorkflowExecutionUpdateResponse>(
      "PollWorkflowExecutionUpdate",
      [&polls](const auto& request) -> absl::StatusOr<api::PollWorkflowExecutionUpdateResponse> {
        api::PollWorkflowExecutionUpdateResponse response;
        EXPECT_EQ(request.update_ref().workflow_execution().run_id(), "run-7");
        if (++polls == 1) return response;
        auto* payload = response.mutable_outcome()->mutable_success()->add_payloads();
        (*payload->mutable_metadata())["encoding"] = "json/plain";
        payload->set_data("7");
        return response;
      });
  const auto handle = Connect().handle<&Order::run>("o");
  const auto update = handle.start_update<&Order::add>(update_stage::accepted, 4);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(update.result(), 7);
  EXPECT_EQ(polls, 2);
}

TEST_F(ClientTest, ARejectedUpdateThrowsItsReason) {
  api::UpdateWorkflowExecutionResponse response;
  response.set_stage(temporal::api::enums::v1::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED);
  response.mutable_outcome()->mutable_failure()->set_message("too many");
  response.mutable_outcome()->mutable_failure()->mutable_application_failure_info();
  server_.Answers("UpdateWorkflowExecution", response);
  try {
    Connect().handle<&Order::run>("o").update<&Order::add>(4);
    FAIL() << "it was rejected";
  } catch (const UpdateFailedError& error) {
    EXPECT_THROW(error.rethrow_cause(), ApplicationError);
    EXPECT_THAT(error.what(), HasSubstr("too many"));
  }
}

TEST_F(ClientTest, CancelAndTerminateGoToTheChainThatWasStarted) {
  AnswerStart();
  server_.Answers<api::RequestCancelWorkflowExecutionResponse>("RequestCancelWorkflowExecution");
  server_.Answers<api::TerminateWorkflowExecutionResponse>("TerminateWorkflowExecution");
  const auto handle = Connect().start<&Order::run>({.task_queue = "q"}, "Ann", 3);
  handle.cancel("late");
  handle.terminate("enough", 5);
  const auto cancel =
      server_.Last<api::RequestCancelWorkflowExecutionRequest>("RequestCancelWorkflowExecution");
  EXPECT_EQ(cancel.first_execution_run_id(), "run-1");
  EXPECT_EQ(cancel.reason(), "late");
  const auto terminate =
      server_.Last<api::TerminateWorkflowExecutionRequest>("TerminateWorkflowExecution");
  EXPECT_EQ(terminate.first_execution_run_id(), "run-1");
  EXPECT_EQ(terminate.details().payloads(0).data(), "5");
}

TEST_F(ClientTest, AWorkflowThatIsNotThereIsNamed) {
  Refuse("SignalWorkflowExecution", absl::NotFoundError("workflow not found for ID: o"));
  try {
    Connect().handle<&Order::run>("o", "r").signal<&Order::approve>("bob");
    FAIL() << "it is not there";
  } catch (const WorkflowNotFoundError& error) {
    EXPECT_EQ(error.workflow_id(), "o");
    EXPECT_EQ(error.run_id(), "r");
  }
}

TEST_F(ClientTest, AListPagesByItself) {
  server_.OnCall<api::ListWorkflowExecutionsRequest, api::ListWorkflowExecutionsResponse>(
      "ListWorkflowExecutions",
      [](const auto& request) -> absl::StatusOr<api::ListWorkflowExecutionsResponse> {
        api::ListWorkflowExecutionsResponse response;
        const std::string& token = request.next_page_token();
        if (token.empty()) {
          response.add_executions()->mutable_execution()->set_workflow_id("a");
          response.set_next_page_token("empty");
        } else if (token == "empty") {
          response.set_next_page_token("last");
        } else {
          response.add_executions()->mutable_execution()->set_workflow_id("b");
          response.add_executions()->mutable_execution()->set_workflow_id("c");
        }
        return response;
      });
  std::vector<std::string> ids;
  for (const WorkflowExecution& run : Connect().list("X = 1")) ids.push_back(run.workflow_id);
  EXPECT_THAT(ids, ElementsAre("a", "b", "c"));
  EXPECT_EQ(server_.Last<api::ListWorkflowExecutionsRequest>("ListWorkflowExecutions").query(),
            "X = 1");
}

TEST_F(ClientTest, UpdateWithStartSendsBothAtOnce) {
  AnswerUpdateWithStart("run-1", "4");
  const start_options start = {
      .id = "o", .task_queue = "q", .id_conflict = id_conflict_policy::use_existing};
  const auto both = Connect().update_with_start<&Order::run, &Order::add>(
      start, {.id = "u", .wait_for = update_stage::completed}, args("Ann", 3), args(4));
  EXPECT_EQ(both.update.result(), 4);
  EXPECT_EQ(both.workflow.run_id(), "run-1");
  const auto request = server_.Last<api::ExecuteMultiOperationRequest>("ExecuteMultiOperation");
  ASSERT_EQ(request.operations_size(), 2);
  EXPECT_EQ(request.operations(0).start_workflow().workflow_id(), "o");
  EXPECT_EQ(request.operations(1).update_workflow().request().meta().update_id(), "u");
}

TEST_F(ClientTest, WhatIsKnownByNameIsStartedWithASignalOrAnUpdate) {
  const start_options start = {
      .id = "o", .task_queue = "q", .id_conflict = id_conflict_policy::use_existing};
  api::SignalWithStartWorkflowExecutionResponse signaled;
  signaled.set_run_id("run-1");
  server_.Answers("SignalWithStartWorkflowExecution", signaled);
  const Client client = Connect();
  EXPECT_EQ(client
                .signal_with_start_by_name<int>("Flow", "add", start, args("Ann", 3),
                                                args(Payloads{encode(1), encode("two")}))
                .run_id(),
            "run-1");
  const auto signal = server_.Last<api::SignalWithStartWorkflowExecutionRequest>(
      "SignalWithStartWorkflowExecution");
  EXPECT_EQ(signal.workflow_type().name(), "Flow");
  ASSERT_EQ(signal.input().payloads_size(), 2);
  EXPECT_EQ(signal.input().payloads(0).data(), "\"Ann\"");
  EXPECT_EQ(signal.signal_name(), "add");
  ASSERT_EQ(signal.signal_input().payloads_size(), 2);
  EXPECT_EQ(signal.signal_input().payloads(1).data(), "\"two\"");

  AnswerUpdateWithStart("run-2", "4");
  const auto both = client.update_with_start_by_name<int, int>("Flow", "put", start, {.id = "u"},
                                                               args(), args("tea"));
  EXPECT_EQ(both.update.result(), 4);
  EXPECT_EQ(both.workflow.run_id(), "run-2");
  const auto request = server_.Last<api::ExecuteMultiOperationRequest>("ExecuteMultiOperation");
  EXPECT_EQ(request.operations(0).start_workflow().workflow_type().name(), "Flow");
  const auto& put = request.operations(1).update_workflow().request();
  EXPECT_EQ(put.input().name(), "put");
  EXPECT_EQ(put.input().args().payloads(0).data(), "\"tea\"");
}

TEST_F(ClientTest, AnUpdateThatWasStartedElsewhereIsAskedForByItsId) {
  api::PollWorkflowExecutionUpdateResponse response;
  auto* payload = response.mutable_outcome()->mutable_success()->add_payloads();
  (*payload->mutable_metadata())["encoding"] = "json/plain";
  payload->set_data("4");
  server_.Answers("PollWorkflowExecutionUpdate", response);
  EXPECT_EQ(Connect().handle_by_name("o").update_handle_by_name<int>("u").result(), 4);
  const auto request =
      server_.Last<api::PollWorkflowExecutionUpdateRequest>("PollWorkflowExecutionUpdate");
  EXPECT_EQ(request.update_ref().update_id(), "u");
  EXPECT_EQ(request.update_ref().workflow_execution().workflow_id(), "o");
}

TEST_F(ClientTest, UpdateWithStartIsRefusedWithTheReasonOfOneOfThem) {
  temporal::api::errordetails::v1::WorkflowExecutionAlreadyStartedFailure started;
  started.set_run_id("run-0");
  temporal::api::errordetails::v1::MultiOperationExecutionFailure both;
  auto* update = both.add_statuses();
  update->set_code(10);
  update->add_details()->PackFrom(temporal::api::failure::v1::MultiOperationExecutionAborted());
  auto* start = both.add_statuses();
  start->set_code(6);
  start->set_message("already running");
  start->add_details()->PackFrom(started);
  Refuse("ExecuteMultiOperation", absl::AlreadyExistsError("MultiOperation could not be executed"),
         &both);
  const auto call = [this] {
    return Connect().update_with_start<&Order::run, &Order::add>(
        {.id = "o", .task_queue = "q", .id_conflict = id_conflict_policy::fail}, {}, args("Ann", 3),
        args(4));
  };
  EXPECT_THROW(call(), WorkflowAlreadyStartedError);
}

struct Recording : ClientInterceptor {
  Recording(std::vector<std::string>* log, std::string name) : log(log), name(std::move(name)) {}
  StartOutput start_workflow(StartInput& input, ClientCalls& next) override {
    log->push_back(name + " before");
    input.memo["seen by " + name] = encode(true);
    const StartOutput output = next.start_workflow(input);
    log->push_back(name + " after");
    return output;
  }
  std::vector<std::string>* log;
  std::string name;
};

TEST_F(ClientTest, InterceptorsSeeCallsInTheirOrder) {
  AnswerStart();
  std::vector<std::string> log;
  ClientOptions options;
  options.interceptors = {std::make_shared<Recording>(&log, "a"),
                          std::make_shared<Recording>(&log, "b")};
  Connect(options).start<&Order::run>({.task_queue = "q"}, "Ann", 3);
  EXPECT_THAT(log, ElementsAre("a before", "b before", "b after", "a after"));
  const auto request = server_.Last<api::StartWorkflowExecutionRequest>("StartWorkflowExecution");
  EXPECT_EQ(request.memo().fields_size(), 2);
}

struct RecordingMore : ClientInterceptor {
  void create_schedule(CreateScheduleInput& input, ClientCalls& next) override {
    log += "create " + input.schedule_id + ' ' + input.schedule.action.workflow_type + ' ';
    input.schedule.action.headers["by"] = encode("me");
    next.create_schedule(input);
  }
  void patch_schedule(PatchScheduleInput& input, ClientCalls& next) override {
    log += "pause " + input.pause.value_or("?") + ' ';
    input.pause = "changed";
    next.patch_schedule(input);
  }
  void call_raw(RawCallInput& input, ClientCalls& next) override {
    next.call_raw(input);
    log += input.path.substr(input.path.rfind('/') + 1) + ' ' +
           static_cast<api::DescribeNamespaceResponse*>(input.response)->namespace_info().name();
  }
  std::string log;
};

TEST_F(ClientTest, InterceptorsSeeSchedulesAndRawCalls) {
  server_.Answers("CreateSchedule", api::CreateScheduleResponse());
  server_.Answers("PatchSchedule", api::PatchScheduleResponse());
  api::DescribeNamespaceResponse described;
  described.mutable_namespace_info()->set_name("here");
  server_.Answers("DescribeNamespace", described);
  const auto recording = std::make_shared<RecordingMore>();
  ClientOptions options;
  options.interceptors = {recording};
  const Client client = Connect(options);
  auto nightly = client.schedules().create<&Order::run>("nightly", {}, {.task_queue = "q"}, "A", 3);
  nightly.pause("holidays");
  client.raw().workflow_service<api::DescribeNamespaceResponse>("DescribeNamespace",
                                                                api::DescribeNamespaceRequest());
  EXPECT_EQ(recording->log, "create nightly Order pause holidays DescribeNamespace here");
  const auto created = server_.Last<api::CreateScheduleRequest>("CreateSchedule");
  EXPECT_EQ(created.schedule().action().start_workflow().header().fields().at("by").data(),
            "\"me\"");
  EXPECT_EQ(server_.Last<api::PatchScheduleRequest>("PatchSchedule").patch().pause(), "changed");
}

TEST_F(ClientTest, WhatIsPropagatedGoesWithEachCall) {
  struct Propagator : ContextPropagator {
    std::string_view name() const override { return "tenant"; }
    std::optional<Payload> serialize() override { return value; }
    void restore(const Payload*) override {}
    std::optional<Payload> value = encode("acme");
  };
  AnswerStart();
  server_.Answers("SignalWorkflowExecution", api::SignalWorkflowExecutionResponse());
  const auto propagator = std::make_shared<Propagator>();
  ClientOptions options;
  options.context_propagators = {propagator};
  const Client client = Connect(options);
  const PayloadMap given = {{"tenant", encode("given")}};
  auto run = client.start<&Order::run>({.task_queue = "q"}, "Ann", 3);
  run.signal_by_name("note", 1);
  auto signaled = server_.Last<api::SignalWorkflowExecutionRequest>("SignalWorkflowExecution");
  EXPECT_EQ(signaled.header().fields().at("tenant").data(), "\"acme\"");
  const auto started = server_.Last<api::StartWorkflowExecutionRequest>("StartWorkflowExecution");
  EXPECT_EQ(started.header().fields().at("tenant").data(), "\"acme\"");
  client.start<&Order::run>({.task_queue = "q", .headers = &given}, "Ann", 3);
  const auto kept = server_.Last<api::StartWorkflowExecutionRequest>("StartWorkflowExecution");
  EXPECT_EQ(kept.header().fields().at("tenant").data(), "\"given\"");
  propagator->value.reset();
  run.signal_by_name("note", 1);
  signaled = server_.Last<api::SignalWorkflowExecutionRequest>("SignalWorkflowExecution");
  EXPECT_EQ(signaled.header().fields_size(), 0);
}

TEST_F(ClientTest, WhatIsTooLargeIsRefusedBeforeItIsSent) {
  AnswerStart();
  const Client client = Connect();
  const std::string large(3 << 20, 'x');
  try {
    client.start<&Order::run>({.task_queue = "q"}, large, 3);
    FAIL() << "it is too large";
  } catch (const PayloadTooLargeError& error) {
    EXPECT_EQ(error.field(), "input");
  }
  EXPECT_EQ(server_.CountOf("StartWorkflowExecution"), 0);
}

TEST_F(ClientTest, ActivitiesAreCompletedByTokenAndByIds) {
  server_.Answers<api::RespondActivityTaskCompletedResponse>("RespondActivityTaskCompleted");
  server_.Answers<api::RespondActivityTaskFailedByIdResponse>("RespondActivityTaskFailedById");
  api::RecordActivityTaskHeartbeatResponse heartbeat;
  heartbeat.set_cancel_requested(true);
  server_.Answers("RecordActivityTaskHeartbeat", heartbeat);
  const Client client = Connect();
  client.activity("token").complete(std::string("x"));
  EXPECT_EQ(server_.Last<api::RespondActivityTaskCompletedRequest>("RespondActivityTaskCompleted")
                .result()
                .payloads(0)
                .data(),
            "\"x\"");
  EXPECT_TRUE(client.activity("token").heartbeat(5).cancel_requested);
  client.activity("w", "r", "a").fail(ApplicationError("no", {.type = "No"}));
  const auto failed =
      server_.Last<api::RespondActivityTaskFailedByIdRequest>("RespondActivityTaskFailedById");
  EXPECT_EQ(failed.activity_id(), "a");
  EXPECT_EQ(failed.failure().application_failure_info().type(), "No");
}

TEST_F(ClientTest, AnUnreachableServerIsNamed) {
  ClientOptions options;
  options.target = "127.0.0.1:1";
  options.connect_timeout = std::chrono::seconds(2);  // The first attempt must have failed by then.
  try {
    Client::connect(options);
    FAIL() << "nobody listens there";
  } catch (const ConnectError& error) {
    EXPECT_EQ(error.target(), "127.0.0.1:1");
    EXPECT_THAT(error.what(), HasSubstr("cannot connect to 127.0.0.1:1"));
    EXPECT_THAT(error.what(), HasSubstr("Connection refused"));
  }
}

TEST(History, IsReadFromJsonOfOldAndNewTools) {
  const char* kNew = R"({"events": [{"eventId": "1", "eventType": "EVENT_TYPE_TIMER_STARTED",
      "timerStartedEventAttributes": {"timerId": "5", "startToFireTimeout": "1.5s"}}]})";
  const char* kOld = R"({"events": [{"eventId": 1, "eventType": "TimerStarted", "unheardOf": 1,
      "timerStartedEventAttributes": {"timerId": "5", "startToFireTimeout": "1.500s"}}]})";
  const History history = History::from_json("w", kNew);
  EXPECT_EQ(History::from_json("w", kOld).serialized(), history.serialized());
  EXPECT_EQ(History::from_json("w", history.to_json()).serialized(), history.serialized());
  History_ events;
  ASSERT_TRUE(events.ParseFromString(history.serialized()));
  EXPECT_EQ(events.events(0).timer_started_event_attributes().timer_id(), "5");
  EXPECT_THROW(History::from_json("w", "{"), DecodeError);
  EXPECT_THROW(History::from_json("w", R"({"events": 5})"), DecodeError);
}

}  // namespace
}  // namespace perdure
