// Options of what workflow code starts. Trivially copyable on purpose: they are written as
// `{.start_to_close = 30s}` in expressions with co_await, where GCC 12 destroys temporaries with
// non-trivial members twice. Texts are borrowed for the length of the call.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <type_traits>

#include "perdure/detail/activation.h"

namespace perdure {

// A duration that may be left out. Takes every std::chrono::duration; a bare number does not
// compile.
class maybe_duration {
 public:
  constexpr maybe_duration() = default;
  template <class R, class P>
  constexpr maybe_duration(std::chrono::duration<R, P> value)
      : value_(std::chrono::duration_cast<std::chrono::nanoseconds>(value).count()) {}
  constexpr explicit operator bool() const { return value_ != kAbsent; }
  constexpr std::chrono::nanoseconds operator*() const { return std::chrono::nanoseconds(value_); }
  constexpr std::optional<std::chrono::nanoseconds> get() const {
    if (value_ == kAbsent) return std::nullopt;
    return std::chrono::nanoseconds(value_);
  }

 private:
  static constexpr std::int64_t kAbsent = std::numeric_limits<std::int64_t>::min();
  std::int64_t value_ = kAbsent;
};

// Up to eight names: `.non_retryable = {"CardDeclined", "OutOfStock"}`.
struct name_list {
  std::string_view names[8];
};

// How often and how fast a failed attempt is repeated. What is left out is the server's default (1
// s, times 2, at most 100 times the first interval, for ever).
struct retry_policy {
  maybe_duration initial_interval{};
  double backoff_coefficient = 0;
  maybe_duration maximum_interval{};
  std::int32_t maximum_attempts = 0;
  name_list non_retryable{};  // ApplicationError types.
};

struct priority {
  std::int32_t key = 0;  // 1 is the most urgent; 0 is the default.
  std::string_view fairness_key{};
  float fairness_weight = 0;
};

using activity_cancellation = detail::ActivityCancellation;
using child_cancellation = detail::ChildCancellation;
using parent_close = detail::ParentClose;
using versioning_behavior = detail::VersioningBehavior;

// One of schedule_to_close and start_to_close is needed.
struct activity_options {
  maybe_duration schedule_to_close{};  // Over all attempts.
  maybe_duration schedule_to_start{};
  maybe_duration start_to_close{};  // Of one attempt.
  maybe_duration heartbeat{};
  retry_policy retry{};
  activity_cancellation cancellation = activity_cancellation::try_cancel;
  std::string_view task_queue{};  // The workflow's own, if left out.
  std::string_view id{};
  bool eager = true;  // May be handed to this worker at once, without the task queue.
  perdure::priority priority{};
  std::string_view summary{};  // One line for user interfaces.
};

struct local_activity_options {
  maybe_duration schedule_to_close{};
  maybe_duration schedule_to_start{};
  maybe_duration start_to_close{};
  retry_policy retry{};
  // A longer backoff than this waits on a timer of the server instead of in the worker.
  maybe_duration local_retry_threshold{};
  activity_cancellation cancellation = activity_cancellation::try_cancel;
  std::string_view id{};
  std::string_view summary{};
};

enum class id_reuse_policy {
  unspecified,
  allow_duplicate,
  allow_duplicate_failed_only,
  reject_duplicate,
  terminate_if_running,
};

struct child_options {
  std::string_view id{};  // A random one, if left out.
  std::string_view task_queue{};
  std::string_view namespace_{};
  maybe_duration execution_timeout{};
  maybe_duration run_timeout{};
  maybe_duration task_timeout{};
  id_reuse_policy id_reuse = id_reuse_policy::unspecified;
  parent_close on_parent_close = parent_close::terminate;
  child_cancellation cancellation = child_cancellation::wait_completed;
  retry_policy retry{};
  std::string_view cron{};
  perdure::priority priority{};
  std::string_view summary{};
  std::string_view details{};
  const PayloadMap* memo = nullptr;  // Named objects, borrowed for the call.
  const PayloadMap* search_attributes = nullptr;
};

struct timer_options {
  std::string_view summary{};
};

struct continue_as_new_options {
  std::string_view task_queue{};
  maybe_duration run_timeout{};
  maybe_duration task_timeout{};
  retry_policy retry{};
  versioning_behavior initial_versioning = versioning_behavior::unspecified;
  const PayloadMap* memo = nullptr;
  const PayloadMap* search_attributes = nullptr;
};

static_assert(std::is_trivially_copyable_v<activity_options> &&
              std::is_trivially_copyable_v<child_options> &&
              std::is_trivially_copyable_v<local_activity_options> &&
              std::is_trivially_copyable_v<continue_as_new_options>);

namespace detail {
// Absent where nothing is set. Throw std::invalid_argument for a negative interval.
std::optional<RetryPolicyData> ToData(const retry_policy& policy);
PriorityData ToData(const priority& priority);
std::optional<Nanos> ToData(maybe_duration duration, const char* field);
}  // namespace detail

}  // namespace perdure
