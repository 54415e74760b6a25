#include "frontend/admission.h"

#include "base/errors.h"
#include "gtest/gtest.h"
#include "temporal/api/enums/v1/failed_cause.pb.h"
#include "temporal/api/errordetails/v1/message.pb.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::frontend {
namespace {

namespace api = temporal::api::workflowservice::v1;
namespace enums = temporal::api::enums::v1;

class AdmissionTest : public ::testing::Test {
 protected:
  static services::Namespace Limited(int32_t number, services::Limits limits) {
    services::Namespace name_space;
    name_space.number = base::NamespaceNumber(number);
    name_space.name = "n";
    name_space.limits = limits;
    return name_space;
  }
  int Admitted(const services::Namespace& name_space, const char* method, int asked) {
    int admitted = 0;
    for (int i = 0; i < asked; ++i) {
      admitted += admission_.TakeRequest(name_space, method, now_).ok() ? 1 : 0;
    }
    return admitted;
  }

  base::Metrics metrics_;
  Admission admission_{&metrics_};
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
};

TEST_F(AdmissionTest, HoldsANamespaceToItsRate) {
  services::Limits limits;
  limits.request_rate = 10;
  limits.request_burst_ratio = 2;
  const services::Namespace name_space = Limited(1, limits);
  EXPECT_EQ(Admitted(name_space, "StartWorkflowExecution", 50), 20);
  now_ += absl::Milliseconds(500);
  EXPECT_EQ(Admitted(name_space, "StartWorkflowExecution", 50), 5);
  now_ += absl::Minutes(1);
  EXPECT_EQ(Admitted(name_space, "StartWorkflowExecution", 50), 20) << "no more than the burst";
  EXPECT_EQ(Admitted(Limited(2, limits), "StartWorkflowExecution", 1), 1) << "another's is its own";
}

TEST_F(AdmissionTest, HoldsANamespaceToItsBytes) {
  services::Limits limits;
  limits.request_bytes_rate = 1000;
  limits.request_burst_ratio = 2;
  const services::Namespace name_space = Limited(1, limits);
  api::StartWorkflowExecutionRequest request;
  request.set_workflow_id(std::string(497, 'x'));
  ASSERT_EQ(request.ByteSizeLong(), 500u);
  const auto admitted = [&] {
    int count = 0;
    while (count < 50 && admission_.TakeBytes(name_space, request, now_).ok()) ++count;
    return count;
  };
  EXPECT_EQ(admitted(), 5) << "two seconds' worth, and the one that oversteps it";
  now_ += absl::Seconds(1);
  EXPECT_EQ(admitted(), 2);
  EXPECT_TRUE(admission_.TakeBytes(Limited(2, {}), request, now_).ok());
}

TEST_F(AdmissionTest, SaysWhatWasExhausted) {
  services::Limits limits;
  limits.request_rate = 1;
  limits.request_burst_ratio = 1;
  const services::Namespace name_space = Limited(1, limits);
  ASSERT_EQ(Admitted(name_space, "QueryWorkflow", 1), 1);
  const absl::Status status = admission_.TakeRequest(name_space, "QueryWorkflow", now_);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "namespace rate limit exceeded");
  temporal::api::errordetails::v1::ResourceExhaustedFailure detail;
  ASSERT_TRUE(base::GetDetail(status, detail));
  EXPECT_EQ(detail.cause(), enums::RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT);
  EXPECT_EQ(detail.scope(), enums::RESOURCE_EXHAUSTED_SCOPE_NAMESPACE);
}

TEST_F(AdmissionTest, CountsListsApart) {
  services::Limits limits;
  limits.list_rate = 3;
  const services::Namespace name_space = Limited(1, limits);
  EXPECT_EQ(Admitted(name_space, "ListWorkflowExecutions", 10), 3);
  EXPECT_EQ(Admitted(name_space, "CountWorkflowExecutions", 10), 0);
  EXPECT_EQ(Admitted(name_space, "StartWorkflowExecution", 100), 100) << "no limit of its own";
}

TEST_F(AdmissionTest, LimitsLongPollsOfOneKindAtOnce) {
  services::Limits limits;
  limits.long_polls = 2;
  const services::Namespace name_space = Limited(1, limits);
  const std::string poll = "PollWorkflowTaskQueue";
  EXPECT_TRUE(admission_.BeginLongPoll(name_space, poll).ok());
  EXPECT_TRUE(admission_.BeginLongPoll(name_space, poll).ok());
  const absl::Status status = admission_.BeginLongPoll(name_space, poll);
  temporal::api::errordetails::v1::ResourceExhaustedFailure detail;
  ASSERT_TRUE(base::GetDetail(status, detail)) << status;
  EXPECT_EQ(detail.cause(), enums::RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT);
  EXPECT_TRUE(admission_.BeginLongPoll(name_space, "PollActivityTaskQueue").ok());
  admission_.EndLongPoll(name_space, poll);
  EXPECT_TRUE(admission_.BeginLongPoll(name_space, poll).ok());
}

TEST_F(AdmissionTest, KnowsWhichRequestsAreHeld) {
  api::GetWorkflowExecutionHistoryRequest request;
  EXPECT_FALSE(Admission::IsLongPoll("GetWorkflowExecutionHistory", request));
  request.set_wait_new_event(true);
  EXPECT_TRUE(Admission::IsLongPoll("GetWorkflowExecutionHistory", request));
  EXPECT_TRUE(Admission::IsLongPoll("QueryWorkflow", api::QueryWorkflowRequest()));
  EXPECT_FALSE(
      Admission::IsLongPoll("StartWorkflowExecution", api::StartWorkflowExecutionRequest()));
}

TEST_F(AdmissionTest, CountsWhatIsAboveAWarningLimit) {
  services::Limits limits;
  limits.blob_size_warn_bytes = 1000;
  limits.memo_size_warn_bytes = 100;
  const services::Namespace name_space = Limited(1, limits);
  const auto counted = [&](const char* what) {
    return metrics_
        .CounterOf("size_warnings", "",
                   {{"namespace", "n"}, {"operation", "StartWorkflowExecution"}, {"what", what}})
        .Value();
  };
  api::StartWorkflowExecutionRequest request;
  (*request.mutable_memo()->mutable_fields())["m"].set_data(std::string(80, 'x'));
  admission_.NoteSize(name_space, "StartWorkflowExecution", request);
  EXPECT_EQ(counted("memo"), 0);
  (*request.mutable_memo()->mutable_fields())["m"].set_data(std::string(101, 'x'));
  admission_.NoteSize(name_space, "StartWorkflowExecution", request);
  EXPECT_EQ(counted("memo"), 1);
  EXPECT_EQ(counted("request"), 0);
  request.mutable_input()->add_payloads()->set_data(std::string(1000, 'x'));
  admission_.NoteSize(name_space, "StartWorkflowExecution", request);
  EXPECT_EQ(counted("memo"), 2);
  EXPECT_EQ(counted("request"), 1);
}

}  // namespace
}  // namespace perdure::frontend
