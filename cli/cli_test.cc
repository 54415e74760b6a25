#include "cli/arguments.h"
#include "cli/output.h"
#include "gtest/gtest.h"
#include "temporal/api/enums/v1/workflow.pb.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::cli {
namespace {

TEST(Arguments, TakeDurationsWithDays) {
  google::protobuf::Duration duration;
  EXPECT_TRUE(FillDuration("--retention", "3d", &duration).ok());
  EXPECT_EQ(duration.seconds(), 3 * 24 * 3600);
  EXPECT_TRUE(FillDuration("--retention", "1m500ms", &duration).ok());
  EXPECT_EQ(duration.seconds(), 60);
  EXPECT_EQ(duration.nanos(), 500'000'000);
  EXPECT_FALSE(FillDuration("--retention", "soon", &duration).ok());
}

TEST(Arguments, RefuseInputThatIsNoJson) {
  temporal::api::common::v1::Payloads payloads;
  EXPECT_TRUE(FillPayloads({"{\"a\": 1}", "\"text\""}, {}, &payloads).ok());
  EXPECT_EQ(payloads.payloads_size(), 2);
  EXPECT_FALSE(FillPayloads({"text"}, {}, &payloads).ok());
}

TEST(Arguments, TakeAValueThatIsNoJsonForAString) {
  PayloadMap map;
  ASSERT_TRUE(FillPairs({"Color=red", "Size=7", "Eq=a=b"}, &map).ok());
  EXPECT_EQ(map["Color"].data(), "\"red\"");
  EXPECT_EQ(map["Size"].data(), "7");
  EXPECT_EQ(map["Eq"].data(), "\"a=b\"");
  EXPECT_FALSE(FillPairs({"Color"}, &map).ok());
}

TEST(Arguments, NameEnumsShortly) {
  const auto& descriptor = *temporal::api::enums::v1::WorkflowIdConflictPolicy_descriptor();
  const auto value = [&descriptor](const std::string& text) {
    return EnumValue("--flag", text, descriptor, "WORKFLOW_ID_CONFLICT_POLICY_");
  };
  EXPECT_EQ(value("UseExisting").value(), 2);
  EXPECT_EQ(value("useexisting").value(), 2);
  EXPECT_EQ(value("Perhaps").status().message(),
            "--flag: \"Perhaps\" is none of Fail, UseExisting, TerminateExisting");
}

TEST(Output, ShowsWhatJsonPayloadsHold) {
  temporal::api::workflowservice::v1::QueryWorkflowResponse response;
  *response.mutable_query_result()->add_payloads() = JsonPayload("{\"left\": 3}");
  auto& binary = *response.mutable_query_result()->add_payloads();
  (*binary.mutable_metadata())["encoding"] = "binary/plain";
  binary.set_data("\x01");
  EXPECT_EQ(
      ToJson(response).dump(),
      R"({"queryResult":[{"left":3},{"metadata":{"encoding":"YmluYXJ5L3BsYWlu"},"data":"AQ=="}]})");
  EXPECT_EQ(PayloadsText(response.query_result()), "{\"left\": 3}, <binary/plain, 1 bytes>");
}

}  // namespace
}  // namespace perdure::cli
