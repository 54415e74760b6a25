// Whole command lines against a real gRPC server that answers what the test says.
#include "cli/commands.h"

#include <map>

#include "absl/synchronization/mutex.h"
#include "base/errors.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "rpc/grpc_server.h"
#include "rpc/health.h"

namespace perdure::cli {
namespace {

using google::protobuf::Message;
using google::protobuf::TextFormat;
using ::testing::HasSubstr;

// Notes requests by method; answers each with the next text said for it, or empty. Thread-safe.
class CannedHandler final : public services::RpcHandler {
 public:
  void Say(const std::string& method, const std::string& text) {
    absl::MutexLock lock(&mutex_);
    answers_[method].push_back(text);
  }
  std::string Seen(const std::string& method) {
    absl::MutexLock lock(&mutex_);
    return seen_[method];
  }

  void Call(const google::protobuf::MethodDescriptor& method, services::CallContext,
            std::unique_ptr<Message> request,
            services::Reply<std::unique_ptr<Message>> reply) override {
    std::unique_ptr<Message> response(google::protobuf::MessageFactory::generated_factory()
                                          ->GetPrototype(method.output_type())
                                          ->New());
    {
      absl::MutexLock lock(&mutex_);
      seen_[method.name()] += request->ShortDebugString() + "\n";
      std::vector<std::string>& texts = answers_[method.name()];
      if (!texts.empty()) {
        EXPECT_TRUE(TextFormat::ParseFromString(texts.front(), response.get())) << texts.front();
        texts.erase(texts.begin());
      }
    }
    std::move(reply)(std::move(response));
  }

 private:
  absl::Mutex mutex_;
  std::map<std::string, std::vector<std::string>> answers_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> seen_ ABSL_GUARDED_BY(mutex_);
};

class CommandsTest : public ::testing::Test {
 protected:
  CommandsTest() {
    health_.Set(rpc::ServingState::kServing);
    server_ = rpc::GrpcServer::Start({.port = 0, .threads = 1}, handler_, health_, guard_, nullptr)
                  .value();
  }

  struct Ran {
    int exit_code;
    std::string output;
  };
  Ran Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "perdure");
    arguments.push_back("--address");
    arguments.push_back("127.0.0.1:" + std::to_string(server_->port()));
    std::vector<const char*> argv;
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    ::testing::internal::CaptureStdout();
    const int exit_code = RunCommandLine(static_cast<int>(argv.size()), argv.data());
    return {exit_code, ::testing::internal::GetCapturedStdout()};
  }

  CannedHandler handler_;
  rpc::Health health_;
  rpc::Guard guard_;
  std::unique_ptr<rpc::GrpcServer> server_;
};

TEST_F(CommandsTest, StartsAWorkflowByTheFlagsOfTemporal) {
  handler_.Say("StartWorkflowExecution", "run_id: 'r1'");
  const Ran ran = Run({"workflow",
                       "start",
                       "--type",
                       "Order",
                       "-t",
                       "q",
                       "-w",
                       "o1",
                       "-i",
                       "{}",
                       "--input",
                       "7",
                       "-n",
                       "shop",
                       "--id-conflict-policy",
                       "UseExisting",
                       "--run-timeout",
                       "1h",
                       "--search-attribute",
                       "Color=red"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.output, HasSubstr("  RunId       r1"));
  const std::string seen = handler_.Seen("StartWorkflowExecution");
  EXPECT_THAT(seen, HasSubstr("namespace: \"shop\" workflow_id: \"o1\""));
  EXPECT_THAT(seen, HasSubstr("data: \"{}\""));
  EXPECT_THAT(seen, HasSubstr("data: \"7\""));
  EXPECT_THAT(seen, HasSubstr("workflow_run_timeout { seconds: 3600 }"));
  EXPECT_THAT(seen, HasSubstr("WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING"));
  EXPECT_THAT(seen, HasSubstr("data: \"\\\"red\\\"\""));
}

TEST_F(CommandsTest, FollowsAChainOfRunsToItsResult) {
  handler_.Say("GetWorkflowExecutionHistory",
               "history { events { event_type: EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW "
               "workflow_execution_continued_as_new_event_attributes { new_execution_run_id: 'r2' "
               "} } }");
  handler_.Say("GetWorkflowExecutionHistory", "next_page_token: 't'");
  handler_.Say("GetWorkflowExecutionHistory",
               "history { events { event_type: EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED "
               "workflow_execution_completed_event_attributes { result { payloads { metadata { "
               "key: 'encoding' value: 'json/plain' } data: '{\"sum\": 3}' } } } } }");
  const Ran ran = Run({"workflow", "result", "-w", "o1", "-o", "jsonl"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.output, "{\"runId\":\"r2\",\"status\":\"Completed\",\"result\":{\"sum\":3}}\n");
}

TEST_F(CommandsTest, FailsWhenTheWorkflowFailed) {
  handler_.Say(
      "GetWorkflowExecutionHistory",
      "history { events { event_type: EVENT_TYPE_WORKFLOW_EXECUTION_FAILED "
      "workflow_execution_failed_event_attributes { failure { message: 'no stock' } } } }");
  const Ran ran = Run({"workflow", "result", "-w", "o1"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.output, HasSubstr("no stock"));
}

TEST_F(CommandsTest, ListsPageByPageUpToTheLimit) {
  const std::string row =
      "executions { execution { workflow_id: 'w' } type { name: 'T' } status: "
      "WORKFLOW_EXECUTION_STATUS_TIMED_OUT } ";
  handler_.Say("ListWorkflowExecutions", row + row + "next_page_token: 'a'");
  handler_.Say("ListWorkflowExecutions", row + "next_page_token: 'b'");
  const Ran ran = Run({"workflow", "list", "-q", "X = 1", "--limit", "3"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.output, HasSubstr("  Status    WorkflowId  Type  StartTime\n"));
  EXPECT_THAT(ran.output, HasSubstr("TimedOut"));
  EXPECT_THAT(handler_.Seen("ListWorkflowExecutions"),
              HasSubstr("page_size: 1 next_page_token: \"a\" query: \"X = 1\""));
}

TEST_F(CommandsTest, ShowsAHistoryUntilItsEnd) {
  handler_.Say("GetWorkflowExecutionHistory",
               "history { events { event_id: 1 event_type: EVENT_TYPE_WORKFLOW_EXECUTION_STARTED } "
               "} next_page_token: 't'");
  handler_.Say("GetWorkflowExecutionHistory",
               "history { events { event_id: 2 event_type: "
               "EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED } } next_page_token: 'u'");
  const Ran ran = Run({"workflow", "show", "-w", "o1", "--follow"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.output, HasSubstr("WorkflowExecutionStarted"));
  EXPECT_THAT(ran.output, HasSubstr("WorkflowExecutionTerminated"));
}

TEST_F(CommandsTest, SignalsQueriesAndUpdates) {
  EXPECT_EQ(Run({"workflow", "signal", "-w", "o1", "--name", "go", "-i", "1"}).exit_code, 0);
  EXPECT_THAT(handler_.Seen("SignalWorkflowExecution"), HasSubstr("signal_name: \"go\""));
  EXPECT_EQ(Run({"workflow", "query", "-w", "o1", "--type", "state"}).exit_code, 0);
  EXPECT_THAT(handler_.Seen("QueryWorkflow"), HasSubstr("query_type: \"state\""));
  handler_.Say("UpdateWorkflowExecution",
               "stage: UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED outcome { failure { "
               "message: 'too late' } }");
  EXPECT_EQ(Run({"workflow", "update", "execute", "-w", "o1", "--name", "u"}).exit_code, 1);
  EXPECT_EQ(Run({"workflow", "cancel", "-w", "o1"}).exit_code, 0);
  EXPECT_EQ(Run({"workflow", "terminate", "-w", "o1", "--reason", "r"}).exit_code, 0);
  EXPECT_EQ(Run({"workflow", "delete", "-w", "o1"}).exit_code, 0);
  EXPECT_EQ(Run({"workflow", "reset", "-w", "o1", "-e", "4", "--reason", "r"}).exit_code, 0);
  EXPECT_THAT(handler_.Seen("ResetWorkflowExecution"),
              HasSubstr("workflow_task_finish_event_id: 4"));
  EXPECT_NE(Run({"workflow", "signal", "-w", "o1"}).exit_code, 0);
}

TEST_F(CommandsTest, ManagesNamespacesAttributesAndTheCluster) {
  EXPECT_EQ(Run({"operator", "namespace", "create", "shop", "--retention", "3d"}).exit_code, 0);
  EXPECT_THAT(handler_.Seen("RegisterNamespace"), HasSubstr("seconds: 259200"));
  EXPECT_EQ(Run({"operator", "namespace", "describe", "-n", "shop"}).exit_code, 0);
  EXPECT_EQ(Run({"operator", "namespace", "delete", "-n", "shop", "--yes"}).exit_code, 0);
  EXPECT_THAT(handler_.Seen("DeleteNamespace"), HasSubstr("namespace: \"shop\""));
  handler_.Say("ListNamespaces", "namespaces { namespace_info { name: 'shop' } }");
  EXPECT_THAT(Run({"operator", "namespace", "list", "-o", "json"}).output, HasSubstr("shop"));
  EXPECT_EQ(Run({"operator", "search-attribute", "create", "--name", "A", "--type", "Int", "--name",
                 "B", "--type", "KeywordList"})
                .exit_code,
            0);
  EXPECT_THAT(handler_.Seen("AddSearchAttributes"), HasSubstr("INDEXED_VALUE_TYPE_KEYWORD_LIST"));
  EXPECT_EQ(Run({"operator", "cluster", "health"}).output, "SERVING\n");
  handler_.Say("GetSystemInfo", "server_version: '1.32.0'");
  EXPECT_THAT(Run({"operator", "cluster", "system"}).output, HasSubstr("1.32.0"));
}

}  // namespace
}  // namespace perdure::cli
