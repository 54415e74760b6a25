// The small random programs that simulated workflows run, and what their results must be.
//
// A program follows from a seed alone. It is a list of steps; each starts its operations together
// and waits for all of them. What to do next is derived from the history and nothing else, so any
// worker can take over at any time; and the checker folds the same history to the same result.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "google/protobuf/message.h"
#include "temporal/api/common/v1/message.pb.h"

namespace perdure::sim {

enum class OperationKind {
  kActivity,
  kCancelledActivity,  // asked to end when a timer fires
  kTimer,
  kCancelledTimer,
  kChild,
  kAbandonedChild,  // only its start is waited for
  kLastingChild,    // likewise; it lasts until its parent's end closes it
  kReusedChild,     // under an id that others of this kind use too
  kWaitForSignals,
  kSignalPeer,
  kMarker,
  kUpsert,  // of a search attribute, of the memo, or of both
};

struct Operation {
  OperationKind kind = OperationKind::kTimer;
  std::string id;
  uint64_t seed = 0;
  int64_t delay_ms = 0;  // timers
  int fails = 0;         // activities: attempts that fail
  int attempts_max = 0;  // 0: no bound
  int64_t start_to_close_ms = 10'000;
  int64_t heartbeat_ms = 0;  // 0: none
  int64_t signals = 0;       // to wait for, of the whole chain
  int close_policy = 0;      // children: temporal.api.enums.v1.ParentClosePolicy
  int reuse_policy = 0;      // kReusedChild: temporal.api.enums.v1.WorkflowIdReusePolicy
  int64_t value = 0;         // upserts: each in a run is higher than those before
};

struct Program {
  std::vector<std::vector<Operation>> steps;
  int generations = 1;       // runs of the chain, by continue-as-new
  int failing_attempts = 0;  // of the last generation
  int attempts_max = 1;
};

// A workflow's input.
struct ProgramInput {
  uint64_t seed = 0;
  int depth = 0;  // of children
  int generation = 1;
  int64_t signals = 0;   // that earlier runs of the chain have seen
  bool is_link = false;  // of a chain by cron or retry: each run has this same input
  bool lasts = false;    // until it is cancelled or terminated
  std::string log;       // what they got, see Replay::log
};

std::string Encode(const ProgramInput& input);
ProgramInput DecodeProgramInput(const std::string& text);
Program MakeProgram(const ProgramInput& input);
// Whether a root workflow may be reset over its whole life.
bool MayBeReset(uint64_t seed);
// How many signals a root workflow waits for over its whole life.
int64_t SignalGoal(uint64_t seed);

// How an attempt at a link of a chain ends by itself. One that hangs ends by its run's timeout.
enum class LinkManner { kCompletes, kFails, kFailsForGood, kHangs };
LinkManner MannerOfLink(uint64_t seed, int64_t link, int attempt, bool may_hang);

// The operation that upserted that value.
std::string UpsertId(int64_t value);

// An activity's input.
struct ActivityInput {
  uint64_t seed = 0;
  int fails = 0;
  int attempts_max = 0;
  bool waits_for_cancel = false;
  bool has_heartbeat = false;
};
std::string Encode(const ActivityInput& input);
ActivityInput DecodeActivityInput(const std::string& text);

// May the operation end like that, if workers are lost now and then? Outcomes: "ok", "failed",
// "timeout", "canceled", "terminated", "refused".
bool MayEndAs(const Operation& operation, const std::string& outcome);

// What the worker makes of an update.
enum class UpdateManner { kReject, kAnswerAtOnce, kAnswerLater };
UpdateManner MannerOf(const std::string& update_id);

temporal::api::common::v1::Payloads PayloadsOf(const std::string& text);
std::string TextOf(const temporal::api::common::v1::Payloads& payloads);
uint64_t HashOf(const std::string& text);
// The same for equal messages.
std::string BytesOf(const google::protobuf::Message& message);

}  // namespace perdure::sim
