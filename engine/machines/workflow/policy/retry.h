// When a failed attempt of an activity or a workflow is tried again. Pure.
// Source of the rules: Temporal's retry policy and its server's backoff computation.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "temporal/api/common/v1/message.pb.h"
#include "temporal/api/enums/v1/workflow.pb.h"
#include "temporal/api/failure/v1/message.pb.h"

namespace perdure::machines {

struct RetryQuestion {
  int64_t now_ns = 0;
  int32_t attempt = 1;        // the one that failed
  int64_t expiration_ns = 0;  // no attempt may begin after it; 0: none
  const temporal::api::common::v1::RetryPolicy* policy = nullptr;
  const temporal::api::failure::v1::Failure* failure = nullptr;  // may be null
};

struct RetryAnswer {
  // IN_PROGRESS: try again after `interval_ns`.
  temporal::api::enums::v1::RetryState state = temporal::api::enums::v1::RETRY_STATE_IN_PROGRESS;
  int64_t interval_ns = 0;
};

RetryAnswer DecideRetry(const RetryQuestion& question);

// The policy's interval after that attempt, without regard to failure or expiration.
int64_t RetryInterval(const temporal::api::common::v1::RetryPolicy& policy, int32_t attempt);

bool IsRetryable(const temporal::api::failure::v1::Failure& failure,
                 const temporal::api::common::v1::RetryPolicy& policy);

// Fills what is unset with the defaults: 1 s, coefficient 2, at most 100 times the first interval.
void FillRetryDefaults(temporal::api::common::v1::RetryPolicy& policy);
absl::Status CheckRetryPolicy(const temporal::api::common::v1::RetryPolicy& policy);

// "StartToClose" and so on, as retry policies name timeouts ("TemporalTimeout:StartToClose").
std::string TimeoutName(temporal::api::enums::v1::TimeoutType type);

}  // namespace perdure::machines
