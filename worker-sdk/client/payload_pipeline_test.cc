#include "worker-sdk/client/payload_pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "perdure/encryption_codec.h"
#include "perdure/errors.h"
#include "temporal/api/protocol/v1/message.pb.h"
#include "temporal/api/update/v1/message.pb.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::client {
namespace {

namespace api = temporal::api::workflowservice::v1;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Puts its name before the data and takes it off again.
class Stamp final : public PayloadCodec {
 public:
  explicit Stamp(std::string name) : name_(std::move(name)) {}
  Payloads encode(Payloads payloads) override {
    for (Payload& payload : payloads) payload.data = name_ + payload.data;
    return payloads;
  }
  Payloads decode(Payloads payloads) override {
    for (Payload& payload : payloads) {
      if (payload.data.compare(0, name_.size(), name_) == 0) payload.data.erase(0, name_.size());
    }
    return payloads;
  }

 private:
  const std::string name_;
};

class Throwing final : public PayloadCodec {
 public:
  Payloads encode(Payloads) override { throw std::runtime_error("no key"); }
  Payloads decode(Payloads) override { throw std::runtime_error("no key"); }
};

PayloadPipeline Stamped() {
  return PayloadPipeline({std::make_shared<Stamp>("a"), std::make_shared<Stamp>("b")}, false);
}

TEST(PayloadPipeline, TheLastCodecEncodesFirst) {
  PayloadPipeline pipeline = Stamped();
  api::StartWorkflowExecutionRequest request;
  request.mutable_input()->add_payloads()->set_data("1");
  ASSERT_TRUE(pipeline.Encode(&request).ok());
  EXPECT_EQ(request.input().payloads(0).data(), "ab1");
  ASSERT_TRUE(pipeline.Decode(&request).ok());
  EXPECT_EQ(request.input().payloads(0).data(), "1");
}

TEST(PayloadPipeline, EverythingIsEncodedButSearchAttributesAndHeaders) {
  PayloadPipeline pipeline = Stamped();
  api::StartWorkflowExecutionRequest request;
  request.mutable_input()->add_payloads()->set_data("1");
  request.mutable_input()->add_payloads()->set_data("2");
  (*request.mutable_memo()->mutable_fields())["m"].set_data("3");
  (*request.mutable_search_attributes()->mutable_indexed_fields())["s"].set_data("4");
  (*request.mutable_header()->mutable_fields())["h"].set_data("5");
  request.mutable_user_metadata()->mutable_summary()->set_data("6");
  auto* failure = request.mutable_continued_failure();
  failure->mutable_application_failure_info()->mutable_details()->add_payloads()->set_data("7");
  failure->mutable_cause()->mutable_encoded_attributes()->set_data("8");
  ASSERT_TRUE(pipeline.Encode(&request).ok());
  EXPECT_EQ(request.input().payloads(1).data(), "ab2");
  EXPECT_EQ(request.memo().fields().at("m").data(), "ab3");
  EXPECT_EQ(request.search_attributes().indexed_fields().at("s").data(), "4");
  EXPECT_EQ(request.header().fields().at("h").data(), "5");
  EXPECT_EQ(request.user_metadata().summary().data(), "ab6");
  EXPECT_EQ(failure->application_failure_info().details().payloads(0).data(), "ab7");
  EXPECT_EQ(failure->cause().encoded_attributes().data(), "ab8");
}

TEST(PayloadPipeline, UpdatesTravelPackedAndAreDecodedToo) {
  PayloadPipeline pipeline = Stamped();
  temporal::api::update::v1::Request update;
  update.mutable_input()->mutable_args()->add_payloads()->set_data("ab1");
  api::PollWorkflowTaskQueueResponse response;
  response.add_messages()->mutable_body()->PackFrom(update);
  auto* event = response.mutable_history()->add_events();
  event->mutable_workflow_execution_signaled_event_attributes()
      ->mutable_input()
      ->add_payloads()
      ->set_data("ab2");
  ASSERT_TRUE(pipeline.Decode(&response).ok());
  temporal::api::update::v1::Request decoded;
  ASSERT_TRUE(response.messages(0).body().UnpackTo(&decoded));
  EXPECT_EQ(decoded.input().args().payloads(0).data(), "1");
  EXPECT_EQ(event->workflow_execution_signaled_event_attributes().input().payloads(0).data(), "2");
}

TEST(PayloadPipeline, ACodecThatThrowsFailsTheCall) {
  PayloadPipeline pipeline({std::make_shared<Throwing>()}, false);
  api::StartWorkflowExecutionRequest request;
  EXPECT_TRUE(pipeline.Encode(&request).ok()) << "there is nothing to encode";
  request.mutable_input()->add_payloads();
  EXPECT_THAT(pipeline.Encode(&request).message(), HasSubstr("no key"));
}

TEST(PayloadPipeline, FailuresTextsAreHiddenAndShownAgain) {
  PayloadPipeline pipeline({std::make_shared<Stamp>("a")}, true);
  api::RespondActivityTaskFailedRequest request;
  request.mutable_failure()->set_message("secret");
  request.mutable_failure()->set_stack_trace("at f()");
  request.mutable_failure()->mutable_cause()->set_message("deeper");
  ASSERT_TRUE(pipeline.Encode(&request).ok());
  EXPECT_THAT(request.DebugString(), HasSubstr("Encoded failure"));
  EXPECT_EQ(request.failure().stack_trace(), "");
  EXPECT_EQ(request.failure().encoded_attributes().data()[0], 'a') << "codecs come after";
  EXPECT_EQ(request.failure().cause().message(), "Encoded failure");
  ASSERT_TRUE(pipeline.Decode(&request).ok());
  EXPECT_EQ(request.failure().message(), "secret");
  EXPECT_EQ(request.failure().stack_trace(), "at f()");
  EXPECT_EQ(request.failure().cause().message(), "deeper");
  EXPECT_FALSE(request.failure().has_encoded_attributes());
}

TEST(PayloadPipeline, WhatIsTooLargeIsRefusedByTheNameOfItsField) {
  PayloadPipeline pipeline({}, false, {.payload_size_max = 100, .request_size_max = 1000});
  api::StartWorkflowExecutionRequest request;
  request.mutable_input()->add_payloads()->set_data(std::string(50, 'x'));
  request.mutable_input()->add_payloads()->set_data(std::string(60, 'x'));
  EXPECT_THAT(pipeline.Encode(&request).message(), HasSubstr("input has 114 bytes; at most 100"));
  EXPECT_TRUE(pipeline.Encode(&request).GetPayload(PayloadPipeline::kTooLargeUrl).has_value());
  request.clear_input();
  for (int i = 0; i < 20; ++i) {
    (*request.mutable_memo()->mutable_fields())[std::to_string(i)].set_data(std::string(90, 'x'));
  }
  EXPECT_THAT(pipeline.Encode(&request).message(), HasSubstr("StartWorkflowExecutionRequest"));
}

TEST(EncryptionCodec, DecryptsWhatItEncrypted) {
  EncryptionCodec codec("key-1", std::string(32, 'k'));
  const Payload plain = {.encoding = "json/plain", .data = "\"secret\"", .metadata = {{"x", "y"}}};
  const Payloads sealed = codec.encode({plain, plain});
  EXPECT_EQ(sealed[0].encoding, "binary/encrypted");
  EXPECT_THAT(sealed[0].metadata, ElementsAre(std::pair("encryption-cipher", "AES/GCM"),
                                              std::pair("encryption-key-id", "key-1")));
  EXPECT_THAT(sealed[0].data, Not(HasSubstr("secret")));
  EXPECT_NE(sealed[0].data, sealed[1].data) << "each has its own nonce";
  EXPECT_THAT(codec.decode(sealed), ElementsAre(plain, plain));
}

TEST(EncryptionCodec, PassesOnWhatItDidNotEncrypt) {
  EncryptionCodec codec("key-1", std::string(32, 'k'));
  const Payload plain = {.encoding = "json/plain", .data = "1"};
  EXPECT_THAT(codec.decode({plain}), ElementsAre(plain));
}

TEST(EncryptionCodec, RefusesChangedBytesAndUnknownKeys) {
  EncryptionCodec codec("key-1", std::string(32, 'k'));
  Payloads sealed = codec.encode({Payload{.encoding = "json/plain", .data = "1"}});
  Payloads changed = sealed;
  changed[0].data.back() ^= 1;
  EXPECT_THROW(codec.decode(changed), Error);
  changed[0].data.resize(5);
  EXPECT_THROW(codec.decode(changed), Error);
  EncryptionCodec other("key-2", std::string(32, 'o'));
  EXPECT_THROW(other.decode(sealed), Error);
  other.add_key("key-1", std::string(32, 'k'));
  EXPECT_EQ(other.decode(sealed)[0].data, "1");
  EXPECT_THROW(EncryptionCodec("short", "x"), Error);
}

}  // namespace
}  // namespace perdure::client
