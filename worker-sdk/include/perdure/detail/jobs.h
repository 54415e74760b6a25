// What happened to a run: the jobs that the core gives to workflow code, in the order of rule R12.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "perdure/detail/operation_data.h"

namespace perdure::detail {

struct StartWorkflowJob {
  RunInfo info;
  Payloads input;
  std::uint64_t randomness_seed = 0;
};
struct NotifyHasPatchJob {
  std::string patch_id;
};
// A side effect whose marker lies ahead in the part of history that is being replayed. `id` counts
// the side effects of a run from 1; a mutable one is named by its user's id, and `call` counts its
// calls from 1.
struct NotifySideEffectJob {
  std::int64_t id = 0;
  Payloads value;
};
struct NotifyMutableSideEffectJob {
  std::string id;
  std::int64_t call = 0;
  Payloads value;
};
struct UpdateRandomSeedJob {
  std::uint64_t randomness_seed = 0;
};
struct SignalWorkflowJob {
  std::string name;
  Payloads input;
  std::string identity;
  PayloadMap headers;
};
struct DoUpdateJob {
  std::string id;
  std::string protocol_instance_id;
  std::string name;
  Payloads input;
  PayloadMap headers;
  std::string identity;
  bool run_validator = true;
};
struct FireTimerJob {
  std::uint32_t seq = 0;
};
// The outcome of an activity, a local activity or a child.
struct CompletedResult {
  std::optional<Payload> value;
};
struct FailedResult {
  FailurePtr failure;
};
struct CanceledResult {
  FailurePtr failure;
};
// Local activities only: wait this long on a timer, then schedule attempt `attempt` (R42).
struct BackoffResult {
  std::int32_t attempt = 0;
  Nanos duration{};
  Timestamp original_schedule_time;
};
using OperationResult = std::variant<CompletedResult, FailedResult, CanceledResult, BackoffResult>;
struct ResolveActivityJob {
  std::uint32_t seq = 0;
  OperationResult result;
  bool is_local = false;
};
struct ResolveChildStartJob {
  std::uint32_t seq = 0;
  std::string run_id;  // Empty when the start failed.
  FailurePtr failure;  // Why it could not be started, or that it was canceled before.
  bool already_exists = false;
};
struct ResolveChildJob {
  std::uint32_t seq = 0;
  OperationResult result;
};
struct ResolveSignalExternalJob {
  std::uint32_t seq = 0;
  FailurePtr failure;  // Null: delivered.
};
struct ResolveCancelExternalJob {
  std::uint32_t seq = 0;
  FailurePtr failure;
};
struct CancelWorkflowJob {
  std::string reason;
};
// Only ever alone in an activation (R12).
struct QueryJob {
  std::string id;  // "legacy" for the single query of a task.
  std::string name;
  Payloads input;
  PayloadMap headers;
};

using Job =
    std::variant<StartWorkflowJob, NotifyHasPatchJob, NotifySideEffectJob,
                 NotifyMutableSideEffectJob, UpdateRandomSeedJob, SignalWorkflowJob, DoUpdateJob,
                 FireTimerJob, ResolveActivityJob, ResolveChildStartJob, ResolveChildJob,
                 ResolveSignalExternalJob, ResolveCancelExternalJob, CancelWorkflowJob, QueryJob>;

}  // namespace perdure::detail
