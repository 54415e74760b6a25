#include "frontend/frontend.h"

#include <set>

#include "base/errors.h"
#include "frontend/checks.h"
#include "frontend/fakes.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "temporal/api/operatorservice/v1/request_response.pb.h"
#include "temporal/api/operatorservice/v1/service.pb.h"
#include "temporal/api/workflowservice/v1/service.pb.h"

namespace perdure::frontend {
namespace {

namespace operator_api = temporal::api::operatorservice::v1;
using google::protobuf::DescriptorPool;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;
using ::testing::HasSubstr;

constexpr char kWorkflowService[] = "temporal.api.workflowservice.v1.WorkflowService";
constexpr char kOperatorService[] = "temporal.api.operatorservice.v1.OperatorService";

// Naming a table of the file makes the linker keep its descriptors.
const ServiceDescriptor& Service(const char* name) {
  [[maybe_unused]] const void* volatile workflow_service =
      &descriptor_table_temporal_2fapi_2fworkflowservice_2fv1_2fservice_2eproto;
  [[maybe_unused]] const void* volatile operator_service =
      &descriptor_table_temporal_2fapi_2foperatorservice_2fv1_2fservice_2eproto;
  return *DescriptorPool::generated_pool()->FindServiceByName(name);
}

class FrontendTest : public ::testing::Test {
 protected:
  FrontendTest()
      : registry_(store_, loop_, settings_, uuids_),
        frontend_({registry_, history_, matching_, store_, loop_, uuids_, cluster_, settings_},
                  &metrics_) {
    registry_.Start({.names = {"default"}, .search_attributes = {{"Color", 2}, {"Size", 3}}},
                    [](absl::Status status) { ASSERT_TRUE(status.ok()) << status; });
  }

  // Calls the method with a request in text format; the status, and `response` if given.
  absl::Status Call(const std::string& method, const std::string& text,
                    google::protobuf::Message* response = nullptr,
                    const char* service = kWorkflowService) {
    const MethodDescriptor* descriptor = Service(service).FindMethodByName(method);
    std::unique_ptr<google::protobuf::Message> request(
        google::protobuf::MessageFactory::generated_factory()
            ->GetPrototype(descriptor->input_type())
            ->New());
    EXPECT_TRUE(google::protobuf::TextFormat::MergeFromString(text, request.get())) << text;
    services::CallContext context;
    context.deadline = loop_.Now() + absl::Seconds(30);
    absl::Status status = absl::UnknownError("no reply");
    frontend_.Call(*descriptor, context, std::move(request),
                   [&](absl::StatusOr<std::unique_ptr<google::protobuf::Message>> reply) {
                     status = reply.status();
                     if (reply.ok() && response != nullptr) response->CopyFrom(**reply);
                   });
    loop_.RunAll();
    return status;
  }

  FakeStore store_;
  FakeLoop loop_;
  FakeHistory history_;
  FakeMatching matching_;
  base::Settings settings_;
  base::Metrics metrics_;
  UuidSource uuids_{7};
  ClusterFacts cluster_{.cluster_id = "c1"};
  NamespaceRegistry registry_;
  Frontend frontend_;
};

TEST_F(FrontendTest, HandlesWhatIsBuiltAndNamesWhatIsNot) {
  int handled = 0;
  for (const char* name : {kWorkflowService, kOperatorService}) {
    const ServiceDescriptor& service = Service(name);
    for (int i = 0; i < service.method_count(); ++i) {
      const MethodDescriptor& method = *service.method(i);
      if (frontend_.Handles(method.full_name())) {
        ++handled;
        continue;
      }
      const absl::Status status = Call(method.name(), "", nullptr, name);
      EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << method.full_name();
      EXPECT_THAT(std::string(status.message()), HasSubstr(method.full_name()));
    }
  }
  EXPECT_EQ(handled, 57);
  EXPECT_TRUE(frontend_.Handles(std::string(kWorkflowService) + ".StartWorkflowExecution"));
  EXPECT_FALSE(frontend_.Handles(std::string(kWorkflowService) + ".CreateSchedule"));
}

constexpr char kStart[] =
    "namespace: 'default' workflow_id: 'w' workflow_type { name: 't' } task_queue { name: 'q' } ";

TEST_F(FrontendTest, FillsInWhatAStartLeavesOpen) {
  ASSERT_TRUE(Call("StartWorkflowExecution", kStart).ok());
  ASSERT_EQ(history_.calls.size(), 1u);
  const std::string& seen = history_.calls[0].second;
  EXPECT_THAT(seen, HasSubstr("request_id: \""));
  EXPECT_THAT(seen, HasSubstr("WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE"));
  EXPECT_THAT(seen, HasSubstr("WORKFLOW_ID_CONFLICT_POLICY_FAIL"));
  EXPECT_THAT(seen, HasSubstr("TASK_QUEUE_KIND_NORMAL"));
}

// Table: what is added to a valid request, and the text of the refusal (empty: accepted).
struct Case {
  const char* method;
  std::string request;
  const char* refusal;
};

class FormTest : public FrontendTest {
 protected:
  void Check(const std::vector<Case>& cases) {
    for (const Case& c : cases) {
      const absl::Status status = Call(c.method, c.request);
      if (std::string(c.refusal).empty()) {
        EXPECT_TRUE(status.ok()) << c.method << " " << c.request << ": " << status;
      } else {
        EXPECT_THAT(std::string(status.message()), HasSubstr(c.refusal)) << c.request;
      }
    }
  }
};

TEST_F(FormTest, OfStartRequests) {
  const std::string start = kStart;
  const char* method = "StartWorkflowExecution";
  const std::string long_id(1001, 'x');
  Check({
      {method, "", "Namespace not set on request."},
      {method, "namespace: 'nope'", "Namespace nope is not found."},
      {method, "namespace: 'default'", "WorkflowId is not set on request."},
      {method, start + "workflow_id: '" + long_id + "'",
       "WorkflowId exceeds maximum allowed length (1001/1000)"},
      {method, start + "workflow_id: '" + std::string(1000, 'x') + "'", ""},
      {method, start + "workflow_type { name: '" + long_id + "' }",
       "WorkflowType length exceeds limit."},
      {method, start + "task_queue { name: '/_sys/x' }",
       "task queue name cannot start with reserved prefix /_sys/"},
      {method, "namespace: 'default' workflow_id: 'w' workflow_type { name: 't' }",
       "taskQueue is not set"},
      {method, start + "request_id: '" + long_id + "'", "RequestId length exceeds limit."},
      {method, start + "identity: '" + long_id + "'", "Identity length exceeds limit."},
      {method, start + "workflow_run_timeout { seconds: -1 }",
       "An invalid WorkflowRunTimeoutSeconds is set on request. cause: negative duration"},
      {method, start + "workflow_run_timeout { seconds: 315576000000 }", ""},
      {method, start + "workflow_task_timeout { seconds: 1 nanos: -1 }", "different signs"},
      {method, start + "cron_schedule: '* * * * *' workflow_start_delay { seconds: 1 }",
       "CronSchedule and WorkflowStartDelay may not be used together."},
      {method, start + "retry_policy { backoff_coefficient: 0.9 }",
       "BackoffCoefficient cannot be less than 1 on retry policy."},
      {method, start + "retry_policy { backoff_coefficient: 1 }", ""},
      {method, start + "retry_policy { backoff_coefficient: nan }", "BackoffCoefficient"},
      {method, start + "retry_policy { maximum_attempts: -1 }", "MaximumAttempts"},
      {method,
       start + "retry_policy { initial_interval { seconds: 9 } maximum_interval { "
               "seconds: 8 } }",
       "MaximumInterval cannot be less than InitialInterval"},
      {method, start + "retry_policy { maximum_attempts: 1 backoff_coefficient: 0.1 }", ""},
      {method, start + "priority { priority_key: -1 }", "priority key can't be negative"},
      {method,
       start + "workflow_id_reuse_policy: WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING "
               "workflow_id_conflict_policy: WORKFLOW_ID_CONFLICT_POLICY_FAIL",
       "cannot be used together with a WorkflowIDConflictPolicy"},
      {method,
       start + "workflow_id_reuse_policy: WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE "
               "workflow_id_conflict_policy: "
               "WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING",
       "REJECT_DUPLICATE cannot be used"},
      {method, start + "workflow_id_reuse_policy: 99",
       "Unknown value 99 of workflow_id_reuse_policy."},
      {method, start + "on_conflict_options { attach_completion_callbacks: true }",
       "attaching request ID is required"},
      {method, start + "links { }", "unsupported link variant"},
      {method, start + "links { workflow_event { namespace: 'n' workflow_id: 'w' } }",
       "workflow event link must not have an empty run ID field"},
      {method, start + "input { payloads { data: '" + std::string(2 << 20, 'x') + "' } }",
       "Blob data size exceeds limit."},
      {method, start + "completion_callbacks { nexus { url: 'ftp://x' } }", "invalid url"},
  });
}

TEST_F(FormTest, OfSearchAttributes) {
  const std::string start = kStart;
  const char* method = "StartWorkflowExecution";
  const auto with = [&start](const std::string& name, const std::string& json) {
    return start + "search_attributes { indexed_fields { key: '" + name +
           "' value { metadata { key: 'encoding' value: 'json/plain' } data: '" + json + "' } } }";
  };
  Check({
      {method, with("Color", "\"red\""), ""},
      {method, with("Color", "null"), ""},
      {method, with("Color", "[]"), ""},
      {method, with("Color", "[\"red\"]"), ""},
      {method, with("Color", "7"), "invalid value for search attribute Color of type Keyword"},
      {method, with("Size", "7"), ""},
      {method, with("Size", "7.5"), "invalid value for search attribute Size of type Int"},
      {method, with("Size", "9223372036854775808"), "invalid value"},
      {method, with("Weight", "7"),
       "Namespace default has no mapping defined for search attribute Weight"},
      {method, with("WorkflowId", "\"x\""),
       "WorkflowId attribute can't be set in SearchAttributes"},
      {method, with("BuildIds", "[\"x\"]"), ""},
      {method, with("Color", "\"" + std::string(2047, 'x') + "\""),
       "search attribute Color value size 2049 exceeds size limit 2048"},
      {method, with("Color", "\"" + std::string(2046, 'x') + "\""), ""},
      {method, with("Color", ""), "of type Keyword: its payload is empty"},
      {method, start + "search_attributes { indexed_fields { key: 'Size' value { data: '1' } } }",
       "invalid value for search attribute Size of type Int: its payload's encoding is none"},
  });
  EXPECT_THAT(history_.calls[0].second, HasSubstr("value: \"Keyword\""));
}

TEST_F(FormTest, OfRequestsAboutOneExecution) {
  const std::string execution = "namespace: 'default' execution { workflow_id: 'w' } ";
  const std::string workflow = "namespace: 'default' workflow_execution { workflow_id: 'w' } ";
  Check({
      {"DescribeWorkflowExecution", "namespace: 'default'", "Execution is not set on request."},
      {"DescribeWorkflowExecution", "namespace: 'default' execution { }",
       "WorkflowId is not set on request."},
      {"DescribeWorkflowExecution", execution + "execution { run_id: 'x' }", "Invalid RunId."},
      {"DescribeWorkflowExecution",
       execution + "execution { run_id: '0190a1b2-0000-4000-8000-000000000000' }", ""},
      {"SignalWorkflowExecution", workflow, "SignalName is not set on request."},
      {"SignalWorkflowExecution", workflow + "signal_name: 's'", ""},
      {"QueryWorkflow", execution, "WorkflowQuery is not set on request."},
      {"QueryWorkflow", execution + "query { }", "QueryType is not set on request."},
      {"QueryWorkflow", execution + "query { query_type: 'q' }", ""},
      {"ResetWorkflowExecution", workflow, "RequestId is not set on request."},
      {"UpdateWorkflowExecution", workflow, "Update meta is not set on request."},
      {"UpdateWorkflowExecution", workflow + "request { meta { } }",
       "Update input is not set on request."},
      {"UpdateWorkflowExecution", workflow + "request { meta { } input { } }",
       "Update name is not set on request."},
      {"UpdateWorkflowExecution",
       workflow + "request { meta { } input { name: 'u' } } wait_policy { lifecycle_stage: "
                  "UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED }",
       "waiting on update admitted is not supported."},
      {"UpdateWorkflowExecution", workflow + "request { meta { } input { name: 'u' } }", ""},
      {"PollWorkflowExecutionUpdate", "namespace: 'default'", "UpdateRef is not set on request."},
      {"UpdateWorkflowExecutionOptions",
       workflow + "workflow_execution_options { } update_mask { paths: 'colour' }",
       "error parsing UpdateMask"},
      {"PauseActivity", execution, "Either Activity.Id or Activity.Type should be set"},
      {"PauseActivity", execution + "id: 'a'", ""},
      {"RespondWorkflowTaskCompleted", "namespace: 'default'", "Task token not set on request."},
      {"RespondActivityTaskFailed", "namespace: 'default' task_token: 't' failure { }",
       "Failure must have ApplicationFailureInfo."},
      {"RecordActivityTaskHeartbeatById", "namespace: 'default' activity_id: 'a'",
       "WorkflowId is not set on request."},
      {"GetWorkflowExecutionHistory", execution + "history_event_filter_type: 77",
       "Unknown value 77 of history_event_filter_type."},
  });
}

TEST_F(FrontendTest, RefusesAnUpdateWithStartThatDoesNotFitTogether) {
  const std::string start =
      "operations { start_workflow { workflow_id: 'w' workflow_type { name: "
      "'t' } task_queue { name: 'q' } } } ";
  const auto update = [](const std::string& id) {
    return "operations { update_workflow { workflow_execution { workflow_id: '" + id +
           "' } request { meta { } input { name: 'u' } } } }";
  };
  EXPECT_TRUE(Call("ExecuteMultiOperation", "namespace: 'default' " + start + update("w")).ok());
  EXPECT_EQ(Call("ExecuteMultiOperation", "namespace: 'default' " + start).message(),
            "Operations have to be exactly [Start, Update].");
  const absl::Status status =
      Call("ExecuteMultiOperation", "namespace: 'default' " + start + update("other"));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  temporal::api::errordetails::v1::MultiOperationExecutionFailure detail;
  ASSERT_TRUE(base::GetDetail(status, detail));
  ASSERT_EQ(detail.statuses_size(), 2);
  EXPECT_EQ(detail.statuses(0).message(), "Operation was aborted.");
  EXPECT_EQ(detail.statuses(1).message(),
            "WorkflowId is not consistent with previous operation(s).");
}

// Refused, a worker would only send it again.
TEST_F(FrontendTest, FailsAnActivityWhoseResultIsTooLarge) {
  ASSERT_TRUE(Call("RespondActivityTaskCompleted",
                   "namespace: 'default' task_token: 't' result { payloads { data: '" +
                       std::string(2 << 20, 'x') + "' } }")
                  .ok());
  ASSERT_EQ(history_.calls.size(), 1u);
  EXPECT_EQ(history_.calls[0].first, "RespondActivityTaskFailed");
  EXPECT_THAT(history_.calls[0].second, HasSubstr("Complete result exceeds size limit."));
}

TEST_F(FrontendTest, AdvertisesOnlyWhatIsBuilt) {
  api::GetSystemInfoResponse info;
  ASSERT_TRUE(Call("GetSystemInfo", "", &info).ok());
  EXPECT_EQ(info.server_version(), "1.32.0");
  EXPECT_TRUE(info.capabilities().eager_workflow_start());
  EXPECT_FALSE(info.capabilities().supports_schedules());
  EXPECT_FALSE(info.capabilities().nexus());
  api::DescribeNamespaceResponse described;
  ASSERT_TRUE(Call("DescribeNamespace", "namespace: 'default'", &described).ok());
  EXPECT_TRUE(described.namespace_info().capabilities().async_update());
  EXPECT_FALSE(described.namespace_info().capabilities().worker_heartbeats());
  EXPECT_EQ(described.namespace_info().limits().blob_size_limit_error(), 2 << 20);
}

TEST_F(FrontendTest, RegistersChangesAndDeletesNamespaces) {
  EXPECT_FALSE(Call("RegisterNamespace", "namespace: 'n'").ok());
  EXPECT_EQ(Call("RegisterNamespace",
                 "namespace: 'n' workflow_execution_retention_period { seconds: 86400 } "
                 "clusters { cluster_name: 'other' }")
                .message(),
            "Invalid cluster name: other");
  EXPECT_EQ(Call("UpdateNamespace",
                 "namespace: 'default' replication_config { active_cluster_name: 'other' }")
                .message(),
            "Invalid cluster name: other");
  const std::string valid =
      "namespace: 'n' workflow_execution_retention_period { seconds: 86400 } ";
  ASSERT_TRUE(Call("RegisterNamespace", valid).ok());
  EXPECT_EQ(Call("RegisterNamespace", valid).code(), absl::StatusCode::kAlreadyExists);

  api::UpdateNamespaceResponse updated;
  ASSERT_TRUE(Call("UpdateNamespace",
                   "namespace: 'n' update_info { description: 'd' data { key: 'k' value: 'v' } }",
                   &updated)
                  .ok());
  EXPECT_EQ(updated.namespace_info().description(), "d");
  EXPECT_EQ(updated.config().workflow_execution_retention_ttl().seconds(), 86400);

  ASSERT_TRUE(Call("DeprecateNamespace", "namespace: 'n'").ok());
  const std::string start =
      "namespace: 'n' workflow_id: 'w' workflow_type { name: 't' } task_queue { name: 'q' }";
  EXPECT_EQ(Call("StartWorkflowExecution", start).code(), absl::StatusCode::kFailedPrecondition);

  operator_api::DeleteNamespaceResponse deleted;
  ASSERT_TRUE(Call("DeleteNamespace", "namespace: 'n'", &deleted, kOperatorService).ok());
  EXPECT_THAT(deleted.deleted_namespace(), HasSubstr("n-deleted-"));
  EXPECT_EQ(history_.calls.back().first, "ReclaimNamespace");
  EXPECT_EQ(Call("DescribeNamespace", "namespace: 'n'").code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(Call("RegisterNamespace", valid).ok());
}

TEST_F(FrontendTest, KeepsHowATaskQueueIsConfigured) {
  const std::string queue = "namespace: 'default' task_queue: 'q' ";
  const std::string activities =
      queue + "task_queue_type: TASK_QUEUE_TYPE_ACTIVITY identity: 'me' ";
  const auto rate = [](int rate) {
    return absl::StrCat("update_queue_rate_limit { rate_limit { requests_per_second: ", rate,
                        " } reason: 'calm' } ");
  };
  api::UpdateTaskQueueConfigResponse response;
  ASSERT_TRUE(Call("UpdateTaskQueueConfig",
                   activities + rate(7) + "set_fairness_weight_overrides { key: 'k' value: 2 }",
                   &response)
                  .ok());
  EXPECT_EQ(response.config().queue_rate_limit().rate_limit().requests_per_second(), 7);
  EXPECT_EQ(response.config().queue_rate_limit().metadata().reason(), "calm");
  EXPECT_EQ(response.config().queue_rate_limit().metadata().update_identity(), "me");
  EXPECT_EQ(history_.calls.size(), 0u);
  EXPECT_EQ(matching_.calls.back().first, "UpdateTaskQueueConfig");

  // Another one that starts from the store.
  NamespaceRegistry later(store_, loop_, settings_, uuids_);
  later.Start({}, [](absl::Status status) { ASSERT_TRUE(status.ok()) << status; });
  loop_.RunAll();
  const auto& kept = (*later.Find("default"))->data.activity_task_queue_configs().at("q");
  EXPECT_EQ(kept.SerializeAsString(), response.config().SerializeAsString());

  // What is not named stays.
  ASSERT_TRUE(
      Call("UpdateTaskQueueConfig", activities + "update_queue_rate_limit {}", &response).ok());
  EXPECT_FALSE(response.config().queue_rate_limit().has_rate_limit());
  EXPECT_EQ(response.config().fairness_weight_overrides().at("k"), 2);

  // There is nothing to remove of a workflow queue's, and none can be set.
  EXPECT_TRUE(Call("UpdateTaskQueueConfig", queue + "update_queue_rate_limit {}").ok());
  const absl::Status refused = Call("UpdateTaskQueueConfig", queue + rate(7));
  EXPECT_EQ(refused.message(), "Setting rate limit on workflow task queues is not allowed.");
}

TEST_F(FrontendTest, BoundsWhatItKeepsOfTaskQueues) {
  std::string weights;
  for (int i = 0; i < 1000; ++i) {
    absl::StrAppend(&weights, "set_fairness_weight_overrides { key: '", i, std::string(60, 'x'),
                    "' value: 1 } ");
  }
  absl::Status status;
  int kept = 0;
  while (status.ok() && kept < 100) {
    status = Call("UpdateTaskQueueConfig",
                  absl::StrCat("namespace: 'default' task_queue: 'q", ++kept, "' ", weights));
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("at most 1048576 are kept"));
  EXPECT_GT(kept, 10);
}

TEST_F(FrontendTest, PagesThroughNamespacesAndRefusesForeignTokens) {
  for (const char* name : {"b", "c"}) {
    ASSERT_TRUE(Call("RegisterNamespace",
                     std::string("workflow_execution_retention_period { seconds: 86400 } "
                                 "namespace: '") +
                         name + "'")
                    .ok());
  }
  std::set<std::string> seen;
  api::ListNamespacesResponse page;
  std::string token;
  do {
    ASSERT_TRUE(
        Call("ListNamespaces", "page_size: 2 next_page_token: '" + token + "'", &page).ok());
    for (const auto& n : page.namespaces()) seen.insert(n.namespace_info().name());
    token = page.next_page_token();
  } while (!token.empty());
  EXPECT_EQ(seen, (std::set<std::string>{"b", "c", "default"}));
  EXPECT_FALSE(Call("ListNamespaces", "next_page_token: 'L12'").ok());
}

TEST_F(FrontendTest, AddsAndRemovesSearchAttributes) {
  const auto change = [this](const char* method, const std::string& request) {
    return Call(method, "namespace: 'default' " + request, nullptr, kOperatorService);
  };
  const std::string weight = "search_attributes { key: 'Weight' value: INDEXED_VALUE_TYPE_DOUBLE }";
  EXPECT_TRUE(change("AddSearchAttributes", weight).ok());
  EXPECT_TRUE(change("AddSearchAttributes", weight).ok());
  EXPECT_EQ(change("AddSearchAttributes",
                   "search_attributes { key: 'Weight' value: INDEXED_VALUE_TYPE_INT }")
                .code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(change("AddSearchAttributes",
                   "search_attributes { key: 'RunId' value: INDEXED_VALUE_TYPE_INT }")
                .message(),
            "Search attribute RunId is reserved by system.");
  EXPECT_EQ(change("AddSearchAttributes",
                   "search_attributes { key: 'TemporalOfMine' value: INDEXED_VALUE_TYPE_INT }")
                .message(),
            "Search attribute TemporalOfMine is reserved by system.");
  operator_api::ListSearchAttributesResponse list;
  ASSERT_TRUE(Call("ListSearchAttributes", "namespace: 'default'", &list, kOperatorService).ok());
  EXPECT_EQ(list.custom_attributes_size(), 3);
  EXPECT_TRUE(change("RemoveSearchAttributes", "search_attributes: 'Weight'").ok());
  EXPECT_EQ(change("RemoveSearchAttributes", "search_attributes: 'Weight'").code(),
            absl::StatusCode::kNotFound);
}

TEST_F(FrontendTest, ListsRowsWithTypedAttributesAndBindsTokensToTheQuery) {
  store::ListedExecution row;
  row.workflow_id = base::WorkflowId("w");
  row.row.workflow_type = "t";
  row.row.status = 2;
  row.row.close_time = loop_.Now();
  row.row.search_attributes["Size"] = query::Value(int64_t{7});
  store_.page = {{row}, "next"};
  api::ListWorkflowExecutionsResponse page;
  ASSERT_TRUE(Call("ListWorkflowExecutions", "namespace: 'default' query: 'Size = 7'", &page).ok());
  ASSERT_EQ(page.executions_size(), 1);
  const auto& size = page.executions(0).search_attributes().indexed_fields().at("Size");
  EXPECT_EQ(size.data(), "7");
  EXPECT_EQ(size.metadata().at("type"), "Int");

  const std::string token = "next_page_token: '" + page.next_page_token() + "'";
  EXPECT_TRUE(
      Call("ListWorkflowExecutions", "namespace: 'default' query: 'Size = 7' " + token).ok());
  EXPECT_EQ(store_.last_list.page_token, "next");
  EXPECT_EQ(Call("ListWorkflowExecutions", "namespace: 'default' " + token).message(),
            "Invalid NextPageToken.");
  EXPECT_EQ(Call("ListWorkflowExecutions", "namespace: 'default' query: 'Nope = 1'").code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Call("ListClosedWorkflowExecutions",
                   "namespace: 'default' status_filter { status: "
                   "WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW }")
                  .ok());
  EXPECT_TRUE(Call("ListOpenWorkflowExecutions",
                   "namespace: 'default' type_filter { name: \"o'x\\\\\" } start_time_filter { "
                   "earliest_time { seconds: 1 } }")
                  .ok());
}

TEST_F(FrontendTest, NamesTheStatusesItCountsBy) {
  store_.counted.groups = {{query::Value(int64_t{7}), 3}, {query::Value(int64_t{1}), 2}};
  api::CountWorkflowExecutionsResponse counted;
  ASSERT_TRUE(Call("CountWorkflowExecutions",
                   "namespace: 'default' query: 'GROUP BY ExecutionStatus'", &counted)
                  .ok());
  EXPECT_EQ(counted.count(), 5);
  EXPECT_EQ(counted.groups(0).group_values(0).data(), "\"TimedOut\"");
}

TEST_F(FrontendTest, CountsRequestsAndErrors) {
  EXPECT_FALSE(Call("StartWorkflowExecution", "").ok());
  const std::string text = metrics_.Scrape();
  EXPECT_THAT(text, HasSubstr("service_error_with_type{error_type=\"INVALID_ARGUMENT\","
                              "operation=\"StartWorkflowExecution\""));
}

TEST(LongPoll, NeedsADeadlineOfTwoSeconds) {
  const absl::Time now = absl::FromUnixSeconds(100);
  services::CallContext context;
  EXPECT_EQ(CheckLongPoll(context, now).message(), "Context timeout is not set.");
  context.deadline = now + absl::Milliseconds(1999);
  EXPECT_EQ(CheckLongPoll(context, now).code(), absl::StatusCode::kFailedPrecondition);
  context.deadline = now + absl::Seconds(2);
  EXPECT_TRUE(CheckLongPoll(context, now).ok());
}

}  // namespace
}  // namespace perdure::frontend
