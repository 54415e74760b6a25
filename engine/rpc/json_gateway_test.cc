#include "rpc/json_gateway.h"

#include "base/errors.h"
#include "gtest/gtest.h"
#include "httplib.h"
#include "rpc/payload_json.h"
#include "temporal/api/common/v1/message.pb.h"

namespace perdure::rpc {
namespace {

namespace api = temporal::api::workflowservice::v1;
using google::protobuf::Message;

// Keeps what it was asked and answers a default response, or NamespaceNotFound for "lost".
class RecordingHandler final : public services::RpcHandler {
 public:
  void Call(const google::protobuf::MethodDescriptor& method, services::CallContext context,
            std::unique_ptr<Message> request,
            services::Reply<std::unique_ptr<Message>> reply) override {
    method_ = method.name();
    request_ = std::move(request);
    const auto* describe = dynamic_cast<const api::DescribeNamespaceRequest*>(request_.get());
    if (describe != nullptr && describe->namespace_() == "lost") {
      return std::move(reply)(base::NamespaceNotFound("lost"));
    }
    if (method.name() == "QueryWorkflow") {
      auto response = std::make_unique<api::QueryWorkflowResponse>();
      auto* payload = response->mutable_query_result()->add_payloads();
      (*payload->mutable_metadata())["encoding"] = "json/plain";
      payload->set_data("{\"total\": 7}");
      return std::move(reply)(std::move(response));
    }
    const auto* prototype =
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(method.output_type());
    std::move(reply)(std::unique_ptr<Message>(prototype->New()));
  }

  template <class Request>
  const Request& request() const {
    return dynamic_cast<const Request&>(*request_);
  }

  std::string method_;
  std::unique_ptr<Message> request_;
};

class JsonGatewayTest : public testing::Test {
 protected:
  HttpResponse Send(const std::string& verb, const std::string& target,
                    const std::string& body = "") {
    HttpRequest request;
    request.method = verb;
    request.body = body;
    EXPECT_TRUE(ParseTarget(target, request));
    return gateway_.Answer(request);
  }

  RecordingHandler handler_;
  Health health_;
  Guard guard_;
  JsonGateway gateway_{handler_, health_, guard_, nullptr};
};

TEST_F(JsonGatewayTest, PathVariablesAndQueryFillTheRequest) {
  const auto response = Send("GET",
                             "/api/v1/namespaces/my%20ns/workflows/a%2Fb/history"
                             "?execution.runId=r&waitNewEvent=true&maximum_page_size=5&unknown=1"
                             "&history_event_filter_type=HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT");
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(handler_.method_, "GetWorkflowExecutionHistory");
  const auto& request = handler_.request<api::GetWorkflowExecutionHistoryRequest>();
  EXPECT_EQ(request.namespace_(), "my ns");
  EXPECT_EQ(request.execution().workflow_id(), "a/b");
  EXPECT_EQ(request.execution().run_id(), "r");
  EXPECT_TRUE(request.wait_new_event());
  EXPECT_EQ(request.maximum_page_size(), 5);
  EXPECT_EQ(request.history_event_filter_type(),
            temporal::api::enums::v1::HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT);
}

TEST_F(JsonGatewayTest, ABodyWithShorthandPayloadsIsRead) {
  const auto response = Send("POST", "/api/v1/namespaces/default/workflows/order",
                             R"({"workflowType": {"name": "Order"}, "taskQueue": {"name": "q"},
                                 "input": [{"id": 1}, null, "text"], "requestId": "x",
                                 "workflowRunTimeout": "10s",
                                 "memo": {"fields": {"note": "hello"}}})");
  EXPECT_EQ(response.status, 200) << response.body;
  const auto& request = handler_.request<api::StartWorkflowExecutionRequest>();
  EXPECT_EQ(request.workflow_id(), "order");
  EXPECT_EQ(request.workflow_run_timeout().seconds(), 10);
  ASSERT_EQ(request.input().payloads_size(), 3);
  EXPECT_EQ(request.input().payloads(0).data(), "{\"id\":1}");
  EXPECT_EQ(request.input().payloads(0).metadata().at("encoding"), "json/plain");
  EXPECT_EQ(request.input().payloads(1).metadata().at("encoding"), "binary/null");
  EXPECT_EQ(request.memo().fields().at("note").data(), "\"hello\"");
}

TEST_F(JsonGatewayTest, ResponsesUseShorthandUnlessToldOtherwise) {
  const std::string target = "/api/v1/namespaces/default/workflows/order/query/state";
  EXPECT_EQ(Send("POST", target, "{}").body, R"({"queryResult":[{"total":7}]})");
  EXPECT_NE(Send("POST", target + "?noPayloadShorthand", "{}").body.find("metadata"),
            std::string::npos);
  EXPECT_NE(Send("POST", target + "?pretty", "{}").body.find("\n  "), std::string::npos);
}

TEST_F(JsonGatewayTest, ErrorsAreStatusesWithTheirDetail) {
  const auto response = Send("GET", "/api/v1/namespaces/lost");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body, R"({"code":5,"message":"Namespace lost is not found.","details":[)"
                           R"({"@type":"type.googleapis.com/temporal.api.errordetails.v1.)"
                           R"(NamespaceNotFoundFailure","namespace":"lost"}]})");
}

TEST_F(JsonGatewayTest, WhatHasNoRouteIsNotFoundOrNotAllowed) {
  EXPECT_EQ(Send("GET", "/api/v1/nothing").status, 404);
  EXPECT_EQ(Send("DELETE", "/api/v1/namespaces").status, 501);
}

TEST_F(JsonGatewayTest, BadInputNamesTheFault) {
  EXPECT_EQ(Send("POST", "/api/v1/namespaces/default/workflows/w", "{").status, 400);
  EXPECT_EQ(Send("POST", "/api/v1/namespaces/default/workflows/w", std::string(5000, '[')).status,
            400);
  const auto response = Send("POST", "/api/v1/namespaces/d/workflows/w", R"({"invented": 1})");
  EXPECT_EQ(response.status, 400);
  EXPECT_NE(response.body.find("invented"), std::string::npos) << response.body;
  EXPECT_EQ(Send("GET", "/api/v1/namespaces?pageSize=many").status, 400);
}

TEST(PayloadJson, WritesAndReadsEveryKindOfPayload) {
  temporal::api::common::v1::Payloads payloads;
  auto* plain = payloads.add_payloads();
  (*plain->mutable_metadata())["encoding"] = "json/plain";
  plain->set_data("[1,2]");
  auto* message = payloads.add_payloads();
  (*message->mutable_metadata())["encoding"] = "json/protobuf";
  (*message->mutable_metadata())["messageType"] = "my.Type";
  message->set_data("{\"a\":1}");
  auto* binary = payloads.add_payloads();
  (*binary->mutable_metadata())["encoding"] = "binary/plain";
  binary->set_data("\x01\x02");
  (*payloads.add_payloads()->mutable_metadata())["encoding"] = "binary/null";
  const auto json = ToJson(payloads, {});
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(*json, R"([[1,2],{"a":1,"_protoMessageType":"my.Type"},)"
                   R"({"metadata":{"encoding":"YmluYXJ5L3BsYWlu"},"data":"AQI="},null])");
  temporal::api::common::v1::Payloads read;
  ASSERT_TRUE(FromJson(*json, read).ok());
  EXPECT_EQ(read.SerializeAsString().size(), payloads.SerializeAsString().size());
  EXPECT_EQ(read.payloads(1).metadata().at("messageType"), "my.Type");
  EXPECT_EQ(read.payloads(2).data(), "\x01\x02");
}

TEST(PayloadJson, WritesADeepPayloadInFull) {
  temporal::api::common::v1::Payload payload;
  (*payload.mutable_metadata())["encoding"] = "json/plain";
  payload.set_data(std::string(1'000'000, '[') + std::string(1'000'000, ']'));
  const auto json = ToJson(payload, {});
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(json->substr(0, 11), R"({"metadata")");
}

TEST(HttpServer, AnswersOverASocketAndEndsWithItsHandlers) {
  auto server = HttpServer::Start({}, [](const HttpRequest& request) {
    HttpResponse response;
    response.status = request.body.empty() ? 200 : 201;
    response.body = request.method + " " + request.path.at(0) + " " + request.body;
    return response;
  });
  ASSERT_TRUE(server.ok()) << server.status();
  httplib::Client client("127.0.0.1", (*server)->port());
  const auto get = client.Get("/a%2Fb?x=1");
  ASSERT_TRUE(get);
  EXPECT_EQ(get->body, "GET a/b ");
  const auto post = client.Post("/a", "hello", "text/plain");
  ASSERT_TRUE(post);
  EXPECT_EQ(post->status, 201);
  EXPECT_EQ(post->body, "POST a hello");
  HttpOptions taken;
  taken.port = (*server)->port();
  EXPECT_FALSE(HttpServer::Start(taken, [](const HttpRequest&) { return HttpResponse(); }).ok());
}

}  // namespace
}  // namespace perdure::rpc
