#include "worker-sdk/core/convert.h"

#include <gtest/gtest.h>

#include <limits>

namespace perdure::core {
namespace {

using namespace std::chrono_literals;

// Failure itself does not compare (its cause is shared); equal as messages is what matters.
std::string Bytes(const Failure& failure) { return ToApi(failure).DebugString(); }

TEST(ConvertPayload, KeepsEncodingDataAndMetadata) {
  const Payload payload{"json/plain", "{\"a\":1}", {{"messageType", "x"}, {"z", "9"}}};
  EXPECT_EQ(FromApi(ToApi(payload)), payload);
  EXPECT_EQ(ToApi(payload).metadata().at("encoding"), "json/plain");
}

TEST(ConvertPayload, WithoutEncodingHasNoMetadata) {
  EXPECT_EQ(ToApi(Payload{"", "x"}).metadata_size(), 0);
  EXPECT_EQ(FromApi(ToApi(Payload{"", "x"})), (Payload{"", "x"}));
}

TEST(ConvertPayloads, KeepTheirOrder) {
  const Payloads payloads{{"json/plain", "1"}, {"binary/null", ""}, {"binary/plain", "\x00\x01"}};
  EXPECT_EQ(FromApi(ToApi(payloads)), payloads);
}

TEST(ConvertPayloadMap, SurvivesAsHeaderMemoAndSearchAttributes) {
  const PayloadMap map{{"a", {"json/plain", "1"}}, {"b", {"json/plain", "2"}}};
  EXPECT_EQ(FromApi(HeaderToApi(map)), map);
  EXPECT_EQ(FromApi(MemoToApi(map)), map);
  EXPECT_EQ(FromApi(SearchAttributesToApi(map)), map);
}

TEST(ConvertFailure, KeepsEachKind) {
  const Payloads details{{"json/plain", "\"d\""}};
  const decltype(Failure::info) kinds[] = {
      std::monostate(),
      ApplicationFailureInfo{"Broken", true, details, 3s, FailureCategory::benign},
      TimeoutFailureInfo{TimeoutType::heartbeat, details},
      CanceledFailureInfo{details, "me"},
      TerminatedFailureInfo{"me"},
      ServerFailureInfo{true},
      ResetWorkflowFailureInfo{details},
      ActivityFailureInfo{5, 6, "worker", "Pay", "1", RetryState::maximum_attempts_reached},
      ChildWorkflowFailureInfo{"default", "w", "r", "Child", 7, 8, RetryState::timeout},
  };
  for (const auto& info : kinds) {
    const Failure failure{"message", "source", "stack", {}, {}, info};
    const Failure back = FromApi(ToApi(failure));
    EXPECT_EQ(back.info, info) << info.index();
    EXPECT_EQ(back.message, "message");
    EXPECT_EQ(back.source, "source");
    EXPECT_EQ(back.stack_trace, "stack");
  }
}

TEST(ConvertFailure, KeepsTheChainOfCausesAndEncodedAttributes) {
  Failure root{"root", "", "", {}, {}, ServerFailureInfo{false}};
  root.encoded_attributes = Payload{"binary/encrypted", "secret"};
  Failure middle{"middle", "", "", {}, std::make_shared<const Failure>(root), TimeoutFailureInfo{}};
  Failure top{"top", "", "", {}, std::make_shared<const Failure>(middle), ActivityFailureInfo{}};
  const Failure back = FromApi(ToApi(top));
  ASSERT_TRUE(back.cause && back.cause->cause);
  EXPECT_EQ(back.cause->cause->message, "root");
  EXPECT_EQ(back.cause->cause->encoded_attributes, root.encoded_attributes);
  EXPECT_EQ(Bytes(back), Bytes(top));
}

TEST(ConvertFailure, PassesKindsOnThatHaveNoMeaningHere) {
  api_failure::Failure nexus;
  nexus.set_message("m");
  nexus.mutable_cause()->set_message("c");
  nexus.mutable_nexus_operation_execution_failure_info()->set_endpoint("e");
  const Failure failure = FromApi(nexus);
  EXPECT_TRUE(std::holds_alternative<OtherFailureInfo>(failure.info));
  EXPECT_EQ(failure.message, "m");
  EXPECT_EQ(ToApi(failure).SerializeAsString(), nexus.SerializeAsString());
}

TEST(ConvertFailure, PassesKindsOnOfANewerApi) {
  api_failure::Failure newer;
  newer.set_message("m");
  newer.GetReflection()->MutableUnknownFields(&newer)->AddLengthDelimited(99, "new");
  const Failure failure = FromApi(newer);
  EXPECT_TRUE(std::holds_alternative<OtherFailureInfo>(failure.info));
  EXPECT_EQ(ToApi(failure).SerializeAsString(), newer.SerializeAsString());
}

TEST(ConvertFailure, KeepsNumbersOfUnknownEnumValues) {
  api_failure::Failure timeout;
  timeout.mutable_timeout_failure_info()->set_timeout_type(
      static_cast<temporal::api::enums::v1::TimeoutType>(77));
  EXPECT_EQ(ToApi(FromApi(timeout)).timeout_failure_info().timeout_type(), 77);
}

// The enums of failure.h are cast to the API's, so their numbers must be the API's.
TEST(ConvertFailure, EnumsHaveTheNumbersOfTheApi) {
  namespace enums = temporal::api::enums::v1;
  EXPECT_EQ(static_cast<int>(TimeoutType::heartbeat), enums::TIMEOUT_TYPE_HEARTBEAT);
  EXPECT_EQ(static_cast<int>(TimeoutType::start_to_close), enums::TIMEOUT_TYPE_START_TO_CLOSE);
  EXPECT_EQ(static_cast<int>(RetryState::cancel_requested), enums::RETRY_STATE_CANCEL_REQUESTED);
  EXPECT_EQ(static_cast<int>(RetryState::timeout), enums::RETRY_STATE_TIMEOUT);
  EXPECT_EQ(static_cast<int>(FailureCategory::benign), enums::APPLICATION_ERROR_CATEGORY_BENIGN);
}

TEST(ConvertRetryPolicy, SurvivesWithAndWithoutIntervals) {
  detail::RetryPolicyData policy{1s, 2.5, 100s, 7, {"A", "B"}};
  const auto back = FromApi(ToApi(policy));
  EXPECT_EQ(back.initial_interval, policy.initial_interval);
  EXPECT_EQ(back.backoff_coefficient, 2.5);
  EXPECT_EQ(back.maximum_interval, policy.maximum_interval);
  EXPECT_EQ(back.maximum_attempts, 7);
  EXPECT_EQ(back.non_retryable_error_types, policy.non_retryable_error_types);
  EXPECT_FALSE(ToApi(detail::RetryPolicyData()).has_initial_interval());
}

TEST(ConvertPriority, Survives) {
  const auto back = FromApi(ToApi(detail::PriorityData{3, "tenant", 1.5f}));
  EXPECT_EQ(back.priority_key, 3);
  EXPECT_EQ(back.fairness_key, "tenant");
  EXPECT_EQ(back.fairness_weight, 1.5f);
}

TEST(ConvertTime, KeepsNanosecondsOnBothSidesOfZero) {
  for (const Nanos duration :
       {Nanos(0), Nanos(1), Nanos(-1), Nanos(1'500'000'001), Nanos(-2'500'000'000)}) {
    EXPECT_EQ(FromApi(ToApi(duration)), duration);
    EXPECT_EQ(FromApi(ToApi(Timestamp(duration))), Timestamp(duration));
    EXPECT_GE(ToApi(Timestamp(duration)).nanos(), 0);
  }
}

TEST(ConvertTime, TakesTheNearestValueWhereItDoesNotFit) {
  google::protobuf::Duration duration;
  duration.set_seconds(315'576'000'000);
  EXPECT_EQ(FromApi(duration).count(), std::numeric_limits<std::int64_t>::max());
  duration.set_seconds(-315'576'000'000);
  EXPECT_EQ(FromApi(duration).count(), std::numeric_limits<std::int64_t>::min());
}

TEST(ConvertTime, ZeroTimeoutIsNone) {
  EXPECT_EQ(TimeoutFromApi(ToApi(Nanos(0))), std::nullopt);
  EXPECT_EQ(TimeoutFromApi(ToApi(Nanos(5s))), Nanos(5s));
}

}  // namespace
}  // namespace perdure::core
