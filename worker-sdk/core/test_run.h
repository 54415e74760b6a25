// What tests of the core share: workflow code as a list of reactions, and a server made of a
// finished history.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "worker-sdk/core/convert.h"
#include "worker-sdk/core/history_builder.h"
#include "worker-sdk/core/replay.h"
#include "worker-sdk/core/run.h"

namespace perdure::core {

// What happened to one program, in the order it happened.
struct Trace {
  // Each activation as "start signal(a) timer(1)", with "replay: " or "live: " before.
  std::vector<std::string> activations;
  // All commands, as "StartTimer(1)".
  std::vector<std::string> commands;
  std::vector<detail::Activation> seen;  // Copies, with their jobs.
};

// Reacts to one activation.
using Script = std::function<void(detail::Activation&, detail::Completion*)>;
// A new script for each program: what it captures by value is the state of the program.
using MakeScript = std::function<Script()>;

std::string Name(const detail::Job& job);
std::string Name(const detail::Command& command);
// Every program made appends a trace.
MakeProgram ProgramOf(MakeScript make, std::vector<std::shared_ptr<Trace>>* traces);

// Reactions by job name: {"start", {...commands}}, {"timer(1)", {...}}. A reaction happens each
// time.
using Reactions = std::vector<std::pair<std::string, std::vector<detail::Command>>>;
MakeScript Reacts(Reactions reactions);

detail::Command StartTimer(std::uint32_t seq);
detail::Command CancelTimer(std::uint32_t seq);
detail::Command ScheduleActivity(
    std::uint32_t seq, const std::string& type,
    detail::ActivityCancellation cancellation = detail::ActivityCancellation::try_cancel);
detail::Command CancelActivity(std::uint32_t seq);
detail::Command ScheduleLocal(
    std::uint32_t seq, const std::string& type,
    detail::ActivityCancellation cancellation = detail::ActivityCancellation::try_cancel);
detail::Command CancelLocalActivity(std::uint32_t seq);
detail::Command StartChild(
    std::uint32_t seq, const std::string& id,
    detail::ChildCancellation cancellation = detail::ChildCancellation::wait_completed);
detail::Command CancelChild(std::uint32_t seq);
detail::Command Patch(const std::string& id, bool deprecated = false);
detail::Command Complete();

using Task = temporal::api::workflowservice::v1::PollWorkflowTaskQueueResponse;
using Request = temporal::api::workflowservice::v1::RespondWorkflowTaskCompletedRequest;
using History = temporal::api::history::v1::History;

// The part [first, last] of a history, as one polled task.
Task TaskOf(const History& history, std::int64_t first, std::int64_t last,
            std::int64_t previous_started);
// "StartTimer RecordMarker": the types of the commands of a completion.
std::string CommandTypes(const Request& request);
// A failure's text where the step is one; empty otherwise.
std::string FailureOf(const Step& step);

// Runs `history` live, one task after the other with sticky increments, and then replays it from
// scratch, as a whole and at every task. Fails the test where anything fails, where the types of
// commands sent are not those of the events that follow, or where live and replay gave other
// commands. Returns the live trace.
struct CheckOptions {
  RunOptions run;
  // Called before a live task is started; may add messages and queries.
  std::function<void(Task*)> edit_task;
  // Live commands may be more or fewer than replay's (in the last task, which replay may not see).
  bool compare_commands = true;
};
struct Checked {
  Trace live, replayed;
  std::vector<Request> requests;  // Of the live tasks.
};
Checked CheckLiveAndReplay(const History& history, const MakeScript& script,
                           CheckOptions options = {});
// The message of the replay's failure; empty where it went well.
std::string ReplayFailure(const History& history, const MakeScript& script,
                          RunOptions options = {});

}  // namespace perdure::core
