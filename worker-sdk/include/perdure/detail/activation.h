// The border between the core and workflow code: what happened goes in as jobs, what is to be done
// comes out as commands. Plain data; no protobuf, no coroutine.
//
// The core (worker-sdk/core) turns history into activations and matches commands with history; the
// coroutine scheduler (worker-sdk/coro) runs workflow code. Each is tested from scripted values of
// these types without the other. Rules named R1 to R62 are listed in docs/sdk/replay-rules.md.
//
// `seq` names an operation within a run: workflow code counts it up from 1 in the order in which
// operations are started, over all kinds together, so that it is the same in every replay.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "perdure/detail/commands.h"
#include "perdure/detail/jobs.h"

namespace perdure::detail {

enum class ContinueAsNewReason {
  history_size_too_large,
  too_many_history_events,
  too_many_updates
};

struct Activation {
  Timestamp now;
  bool replaying = false;
  std::int64_t history_length = 0;
  std::int64_t history_size_bytes = 0;
  bool continue_as_new_suggested = false;
  // Flags of workflow code that history says were in use; cumulative (R36). Live, code may use any
  // flag it knows and reports it in Completion::used_flags. There is none yet.
  std::vector<std::uint32_t> flags;
  std::string deployment_name, build_id;  // Of the worker whose task this is, or was.
  std::vector<Job> jobs;                  // In the order of R12.
};

// What one activation led to.
struct Completion {
  std::vector<Command> commands;
  // Set: the workflow task fails, and the commands mean nothing.
  FailurePtr task_failure;
  bool is_nondeterminism =
      false;  // task_failure is the code's own finding that it left its history.
  std::vector<std::uint32_t> used_flags;
  VersioningBehavior versioning_behavior = VersioningBehavior::unspecified;
};

}  // namespace perdure::detail
