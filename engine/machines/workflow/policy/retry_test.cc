#include "machines/workflow/policy/retry.h"

#include "gtest/gtest.h"
#include "machines/workflow/times.h"

namespace perdure::machines {
namespace {

namespace enums = temporal::api::enums::v1;
using temporal::api::common::v1::RetryPolicy;
using temporal::api::failure::v1::Failure;

RetryPolicy Policy() {
  RetryPolicy policy;
  FillRetryDefaults(policy);
  return policy;
}

Failure Application(const std::string& type) {
  Failure failure;
  failure.mutable_application_failure_info()->set_type(type);
  return failure;
}

TEST(RetryPolicy, DefaultsAreASecondDoubledUpToAHundred) {
  const RetryPolicy policy = Policy();
  EXPECT_EQ(RetryInterval(policy, 1), kSecondNs);
  EXPECT_EQ(RetryInterval(policy, 2), 2 * kSecondNs);
  EXPECT_EQ(RetryInterval(policy, 7), 64 * kSecondNs);
  EXPECT_EQ(RetryInterval(policy, 8), 100 * kSecondNs);
  EXPECT_EQ(RetryInterval(policy, 2000), 100 * kSecondNs);
}

TEST(RetryPolicy, EndsWithTheLastAttempt) {
  RetryPolicy policy = Policy();
  policy.set_maximum_attempts(3);
  const Failure failure = Application("E");
  RetryQuestion question{.attempt = 2, .policy = &policy, .failure = &failure};
  EXPECT_EQ(DecideRetry(question).state, enums::RETRY_STATE_IN_PROGRESS);
  question.attempt = 3;
  EXPECT_EQ(DecideRetry(question).state, enums::RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED);
}

TEST(RetryPolicy, BeginsNoAttemptAfterTheExpiration) {
  const RetryPolicy policy = Policy();
  RetryQuestion question{.now_ns = 10 * kSecondNs, .attempt = 1, .policy = &policy};
  question.expiration_ns = 11 * kSecondNs;
  EXPECT_EQ(DecideRetry(question).state, enums::RETRY_STATE_IN_PROGRESS);
  question.expiration_ns = 11 * kSecondNs - 1;
  EXPECT_EQ(DecideRetry(question).state, enums::RETRY_STATE_TIMEOUT);
}

TEST(RetryPolicy, KnowsWhatIsNotRetried) {
  RetryPolicy policy = Policy();
  policy.add_non_retryable_error_types("Fatal");
  policy.add_non_retryable_error_types("TemporalTimeout:Heartbeat");
  EXPECT_TRUE(IsRetryable(Application("E"), policy));
  EXPECT_FALSE(IsRetryable(Application("Fatal"), policy));
  Failure failure = Application("E");
  failure.mutable_application_failure_info()->set_non_retryable(true);
  EXPECT_FALSE(IsRetryable(failure, policy));
  Failure timeout;
  timeout.mutable_timeout_failure_info()->set_timeout_type(enums::TIMEOUT_TYPE_START_TO_CLOSE);
  EXPECT_TRUE(IsRetryable(timeout, policy));
  timeout.mutable_timeout_failure_info()->set_timeout_type(enums::TIMEOUT_TYPE_HEARTBEAT);
  EXPECT_FALSE(IsRetryable(timeout, policy));
  timeout.mutable_timeout_failure_info()->set_timeout_type(enums::TIMEOUT_TYPE_SCHEDULE_TO_START);
  EXPECT_FALSE(IsRetryable(timeout, policy));
  Failure canceled;
  canceled.mutable_canceled_failure_info();
  EXPECT_FALSE(IsRetryable(canceled, policy));
}

TEST(RetryPolicy, TakesTheDelayThatTheFailureAsksFor) {
  const RetryPolicy policy = Policy();
  Failure failure = Application("E");
  SetDuration(failure.mutable_application_failure_info()->mutable_next_retry_delay(),
              7 * kSecondNs);
  EXPECT_EQ(DecideRetry({.attempt = 1, .policy = &policy, .failure = &failure}).interval_ns,
            7 * kSecondNs);
}

TEST(RetryPolicy, RefusesWhatMakesNoSense) {
  EXPECT_TRUE(CheckRetryPolicy(Policy()).ok());
  RetryPolicy policy = Policy();
  policy.set_backoff_coefficient(0.9);
  EXPECT_FALSE(CheckRetryPolicy(policy).ok());
  policy.set_maximum_attempts(1);
  EXPECT_TRUE(CheckRetryPolicy(policy).ok());
  policy = Policy();
  SetDuration(policy.mutable_maximum_interval(), kSecondNs - 1);
  EXPECT_FALSE(CheckRetryPolicy(policy).ok());
  policy = Policy();
  policy.set_maximum_attempts(-1);
  EXPECT_FALSE(CheckRetryPolicy(policy).ok());
  policy = Policy();
  policy.add_non_retryable_error_types("TemporalTimeout:Never");
  EXPECT_FALSE(CheckRetryPolicy(policy).ok());
}

}  // namespace
}  // namespace perdure::machines
