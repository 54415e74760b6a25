#include "worker-sdk/client/retry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace perdure::client {
namespace {

using namespace std::chrono_literals;
constexpr double kMiddle = 0.5;  // No jitter.

TEST(Retry, GrowsBySeventyPercentUpToTheMaximum) {
  RetrySchedule state(CallKind::kUnary, 0ns);
  const absl::Status down = absl::UnavailableError("down");
  EXPECT_EQ(state.Next(down, 1ms, kMiddle), 100ms);
  EXPECT_EQ(state.Next(down, 2ms, kMiddle), 170ms);
  EXPECT_EQ(state.Next(down, 3ms, kMiddle), 289ms);
  for (int i = 0; i < 5; ++i) state.Next(down, 4ms, kMiddle);
  const auto last = state.Next(down, 5ms, kMiddle);
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(*last, 5s);
}

TEST(Retry, JitterStaysWithinAFifth) {
  RetrySchedule low(CallKind::kUnary, 0ns), high(CallKind::kUnary, 0ns);
  EXPECT_EQ(low.Next(absl::UnavailableError(""), 0ns, 0), 80ms);
  EXPECT_EQ(high.Next(absl::UnavailableError(""), 0ns, 1), 120ms);
}

TEST(Retry, EndsAtTheTenthAttempt) {
  RetrySchedule state(CallKind::kUnary, 0ns);
  for (int i = 1; i < 10; ++i) {
    EXPECT_TRUE(state.Next(absl::UnavailableError(""), 1ms, kMiddle).has_value()) << i;
  }
  EXPECT_FALSE(state.Next(absl::UnavailableError(""), 1ms, kMiddle).has_value());
}

TEST(Retry, EndsAfterTenSeconds) {
  RetrySchedule state(CallKind::kUnary, 5s);
  EXPECT_TRUE(state.Next(absl::UnavailableError(""), 15s, kMiddle).has_value());
  EXPECT_FALSE(state.Next(absl::UnavailableError(""), 15s + 1ns, kMiddle).has_value());
}

TEST(Retry, LongPollsHaveNoLimit) {
  RetrySchedule state(CallKind::kLongPoll, 0ns);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(state.Next(absl::UnavailableError(""), i * 1min, kMiddle).has_value());
  }
  EXPECT_FALSE(state.Next(absl::NotFoundError("gone"), 1s, kMiddle).has_value());
}

TEST(Retry, LongPollsEndWhenTheServerAnswersWithErrorsOnly) {
  RetrySchedule state(CallKind::kLongPoll, 0ns);
  for (int i = 1; i < 10; ++i) {
    ASSERT_TRUE(state.Next(absl::InternalError("a bug"), 1s, kMiddle).has_value());
    ASSERT_TRUE(state.Next(absl::UnavailableError("down"), 1s, kMiddle).has_value());
  }
  EXPECT_FALSE(state.Next(absl::InternalError("a bug"), 1s, kMiddle).has_value());
}

TEST(Retry, LeavesAnOverloadedServerAloneForLonger) {
  RetrySchedule state(CallKind::kUnary, 0ns);
  const absl::Status busy = absl::ResourceExhaustedError("RPS limit exceeded");
  EXPECT_EQ(state.Next(busy, 0ns, kMiddle), 1s);
  EXPECT_EQ(state.Next(busy, 1s, kMiddle), 2s);
  EXPECT_EQ(state.Next(absl::UnavailableError(""), 3s, kMiddle), 289ms);
  EXPECT_EQ(state.Next(busy, 4s, kMiddle), 4s);
}

TEST(Retry, WhatIsTooLargeIsNotSentAgain) {
  const absl::Status large =
      absl::ResourceExhaustedError("grpc: received message larger than max (5 vs. 4)");
  EXPECT_FALSE(IsRetryable(CallKind::kUnary, large));
  EXPECT_FALSE(RetrySchedule(CallKind::kTaskPoll, 0ns).Next(large, 0ns, kMiddle).has_value());
}

TEST(Retry, WhichCodesAreFinal) {
  for (const auto code : {absl::StatusCode::kInvalidArgument, absl::StatusCode::kNotFound,
                          absl::StatusCode::kAlreadyExists, absl::StatusCode::kPermissionDenied,
                          absl::StatusCode::kFailedPrecondition, absl::StatusCode::kUnauthenticated,
                          absl::StatusCode::kUnimplemented, absl::StatusCode::kCancelled,
                          absl::StatusCode::kDeadlineExceeded}) {
    EXPECT_FALSE(IsRetryable(CallKind::kUnary, absl::Status(code, ""))) << code;
  }
  for (const auto code :
       {absl::StatusCode::kDataLoss, absl::StatusCode::kInternal, absl::StatusCode::kUnknown,
        absl::StatusCode::kAborted, absl::StatusCode::kOutOfRange, absl::StatusCode::kUnavailable,
        absl::StatusCode::kResourceExhausted}) {
    EXPECT_TRUE(IsRetryable(CallKind::kUnary, absl::Status(code, ""))) << code;
  }
}

TEST(Retry, TaskPollsTakeADeadlineForAnEmptyPoll) {
  EXPECT_TRUE(IsRetryable(CallKind::kTaskPoll, absl::DeadlineExceededError("")));
  EXPECT_TRUE(IsRetryable(CallKind::kTaskPoll, absl::CancelledError("")));
  EXPECT_TRUE(IsRetryable(CallKind::kLongPoll, absl::DeadlineExceededError("")));
  EXPECT_FALSE(IsRetryable(CallKind::kLongPoll, absl::CancelledError("")));
}

TEST(Retry, AYoungTaskPollForgivesFinalErrorsForAMinute) {
  RetrySchedule state(CallKind::kTaskPoll, 0ns);
  EXPECT_EQ(state.Next(absl::PermissionDeniedError(""), 60s, kMiddle), 10s);
  EXPECT_FALSE(state.Next(absl::PermissionDeniedError(""), 60s + 1ns, kMiddle).has_value());
}

}  // namespace
}  // namespace perdure::client
