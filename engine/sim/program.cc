#include "sim/program.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/check.h"
#include "base/random.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "temporal/api/enums/v1/workflow.pb.h"

namespace perdure::sim {
namespace {

namespace enums = temporal::api::enums::v1;

// More than a step has operations.
constexpr int64_t kStepValue = 100;

// Draws what kind of child, and what becomes of it.
std::string MakeChild(base::Random& random, const ProgramInput& input, bool is_last_run,
                      Operation& op) {
  constexpr int kClosePolicies[] = {enums::PARENT_CLOSE_POLICY_TERMINATE,
                                    enums::PARENT_CLOSE_POLICY_REQUEST_CANCEL,
                                    enums::PARENT_CLOSE_POLICY_ABANDON};
  constexpr int kReusePolicies[] = {enums::WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
                                    enums::WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
                                    enums::WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE};
  op.close_policy = kClosePolicies[random.Below(3)];
  const uint64_t kind = random.Below(10);
  if (kind < 2 && input.depth == 0) {
    op.kind = OperationKind::kReusedChild;
    op.reuse_policy = kReusePolicies[random.Below(3)];
    return "r";
  }
  // A run that goes on closes no child, and one that was reset not those from before.
  const bool is_closed = is_last_run && (input.depth > 0 || !MayBeReset(input.seed));
  if (kind < 4 && is_closed) {
    op.kind = OperationKind::kLastingChild;
    op.close_policy = kClosePolicies[random.Below(2)];
    return "l";
  }
  op.kind = kind < 8 ? OperationKind::kChild : OperationKind::kAbandonedChild;
  return "c";
}

Operation MakeOperation(base::Random& random, int step, int index, const ProgramInput& input,
                        bool is_last_run) {
  Operation op;
  op.seed = random.Next();
  const uint64_t kind = random.Below(22);
  std::string letter = "t";
  if (kind < 9) {
    op.kind = OperationKind::kActivity;
    letter = "a";
    constexpr int kAttempts[] = {0, 0, 1, 1, 2, 3};
    op.attempts_max = kAttempts[random.Below(6)];
    op.fails = static_cast<int>(random.Below(3));
    op.start_to_close_ms = 2000 + static_cast<int64_t>(random.Below(8000));
    if (random.Chance(0.4)) op.heartbeat_ms = 1500 + static_cast<int64_t>(random.Below(2000));
  } else if (kind < 10) {
    op.kind = OperationKind::kCancelledActivity;
    letter = "x";
    op.delay_ms = static_cast<int64_t>(random.Below(5000)) + 1;
    op.heartbeat_ms = 3000;
    op.start_to_close_ms = 60'000;
  } else if (kind < 13) {
    op.kind = OperationKind::kTimer;
    constexpr int64_t kDelays[] = {1, 100, 1000, 15'000, 100'000};
    op.delay_ms = kDelays[random.Below(5)] + static_cast<int64_t>(random.Below(1000));
  } else if (kind < 14) {
    op.kind = OperationKind::kCancelledTimer;
    letter = "y";
    op.delay_ms = static_cast<int64_t>(random.Below(5000)) + 1;
  } else if (kind < 16 && input.depth < 2) {
    letter = MakeChild(random, input, is_last_run, op);
  } else if (kind < 18 && input.depth == 0 && SignalGoal(input.seed) > 0) {
    op.kind = OperationKind::kWaitForSignals;
    letter = "w";
    op.signals =
        1 + static_cast<int64_t>(random.Below(static_cast<uint64_t>(SignalGoal(input.seed))));
  } else if (kind < 19) {
    op.kind = OperationKind::kSignalPeer;
    letter = "s";
  } else if (kind < 20) {
    op.kind = OperationKind::kMarker;
    letter = "m";
  } else {
    op.kind = OperationKind::kUpsert;
    letter = "u";
    op.value = step * kStepValue + index + 1;
  }
  op.id = absl::StrCat(letter, step, "_", index);
  return op;
}

// Short, for many links follow each other.
Program MakeLinkProgram(const ProgramInput& input) {
  base::Random random(input.seed);
  Program program;
  program.steps.emplace_back();
  const uint64_t count = random.Below(3);
  for (uint64_t i = 0; i < count; ++i) {
    Operation op;
    op.seed = random.Next();
    if (random.Chance(0.5)) {
      op.kind = OperationKind::kActivity;
      op.fails = static_cast<int>(random.Below(2));
      op.start_to_close_ms = 2000;
    } else {
      op.kind = OperationKind::kTimer;
      op.delay_ms = 1 + static_cast<int64_t>(random.Below(3000));
    }
    op.id = absl::StrCat("l", i);
    program.steps.back().push_back(std::move(op));
  }
  return program;
}

template <class T>
T Number(const std::string& text) {
  T number{};
  PERDURE_CHECK(absl::SimpleAtoi(text, &number));
  return number;
}

}  // namespace

std::string Encode(const ProgramInput& input) {
  return absl::StrCat(input.seed, " ", input.depth, " ", input.generation, " ", input.signals, " ",
                      input.is_link ? 1 : 0, input.lasts ? 1 : 0, " ", input.log);
}

ProgramInput DecodeProgramInput(const std::string& text) {
  const std::vector<std::string> words = absl::StrSplit(text, ' ');
  PERDURE_CHECK(words.size() == 6);
  return {.seed = Number<uint64_t>(words[0]),
          .depth = Number<int>(words[1]),
          .generation = Number<int>(words[2]),
          .signals = Number<int64_t>(words[3]),
          .is_link = words[4][0] == '1',
          .lasts = words[4][1] == '1',
          .log = words[5]};
}

bool MayBeReset(uint64_t seed) { return base::Random(seed ^ 0x7e5e7).Chance(0.15); }

std::string UpsertId(int64_t value) {
  return absl::StrCat("u", (value - 1) / kStepValue, "_", (value - 1) % kStepValue);
}

int64_t SignalGoal(uint64_t seed) {
  base::Random random(seed ^ 0x5157);
  return random.Chance(0.5) ? 0 : 1 + static_cast<int64_t>(random.Below(4));
}

LinkManner MannerOfLink(uint64_t seed, int64_t link, int attempt, bool may_hang) {
  base::Random random(seed ^ HashOf(absl::StrCat(link, ".", attempt)));
  const uint64_t manner = random.Below(10);
  if (manner < 5) return LinkManner::kCompletes;
  if (manner < 8) return LinkManner::kFails;
  if (manner < 9) return LinkManner::kFailsForGood;
  return may_hang ? LinkManner::kHangs : LinkManner::kCompletes;
}

Program MakeProgram(const ProgramInput& input) {
  if (input.is_link) return MakeLinkProgram(input);
  if (input.lasts) return Program();
  base::Random random(input.seed);
  Program program;
  if (random.Chance(0.25)) program.generations = 2 + static_cast<int>(random.Below(2));
  // Signals that a failed attempt has seen are lost to the next one.
  if (input.depth == 0 && SignalGoal(input.seed) == 0 && random.Chance(0.2)) {
    program.failing_attempts = 1 + static_cast<int>(random.Below(2));
    program.attempts_max = 1 + static_cast<int>(random.Below(3));
  }
  // A child's parent hears of the attempt that succeeds alone.
  if (input.depth > 0 && random.Chance(0.2)) {
    program.failing_attempts = 1;
    program.attempts_max = 3;
  }
  const bool is_last_run = input.generation == program.generations;
  base::Random own(input.seed * 31 + static_cast<uint64_t>(input.generation));
  const int steps = 1 + static_cast<int>(own.Below(input.depth == 0 ? 5 : 2));
  for (int step = 0; step < steps; ++step) {
    std::vector<Operation> operations;
    const int count = 1 + static_cast<int>(own.Below(own.Chance(0.1) ? 12 : 3));
    for (int i = 0; i < count; ++i)
      operations.push_back(MakeOperation(own, step, i, input, is_last_run));
    program.steps.push_back(std::move(operations));
  }
  return program;
}

std::string Encode(const ActivityInput& input) {
  return absl::StrCat(input.seed, " ", input.fails, " ", input.attempts_max, " ",
                      input.waits_for_cancel ? 1 : 0, " ", input.has_heartbeat ? 1 : 0);
}

ActivityInput DecodeActivityInput(const std::string& text) {
  const std::vector<std::string> words = absl::StrSplit(text, ' ');
  PERDURE_CHECK(words.size() == 5);
  return {.seed = Number<uint64_t>(words[0]),
          .fails = Number<int>(words[1]),
          .attempts_max = Number<int>(words[2]),
          .waits_for_cancel = words[3] == "1",
          .has_heartbeat = words[4] == "1"};
}

bool MayEndAs(const Operation& op, const std::string& outcome) {
  switch (op.kind) {
    case OperationKind::kActivity:
      if (op.attempts_max == 0) return outcome == "ok";
      if (op.fails >= op.attempts_max) return outcome == "failed" || outcome == "timeout";
      return outcome == "ok" || outcome == "failed" || outcome == "timeout";
    case OperationKind::kCancelledActivity:
      // An attempt that was lost is not repeated once cancellation was requested.
      return outcome == "canceled" || outcome == "timeout";
    case OperationKind::kTimer:
      return outcome == "ok";
    case OperationKind::kCancelledTimer:
      return outcome == "canceled";
    case OperationKind::kChild:
      return outcome == "ok";
    case OperationKind::kAbandonedChild:
    case OperationKind::kLastingChild:
      return outcome == "ok";
    case OperationKind::kReusedChild:
      return outcome == "ok" || outcome == "refused";
    case OperationKind::kWaitForSignals:
      return outcome == "ok";
    case OperationKind::kSignalPeer:
      return outcome == "ok" || outcome == "refused";
    case OperationKind::kMarker:
    case OperationKind::kUpsert:
      return outcome == "ok";
  }
  return false;
}

UpdateManner MannerOf(const std::string& update_id) {
  switch (HashOf(update_id) % 4) {
    case 0:
      return UpdateManner::kReject;
    case 1:
      return UpdateManner::kAnswerLater;
    default:
      return UpdateManner::kAnswerAtOnce;
  }
}

temporal::api::common::v1::Payloads PayloadsOf(const std::string& text) {
  temporal::api::common::v1::Payloads payloads;
  auto* payload = payloads.add_payloads();
  (*payload->mutable_metadata())["encoding"] = "binary/plain";
  payload->set_data(text);
  return payloads;
}

std::string TextOf(const temporal::api::common::v1::Payloads& payloads) {
  return payloads.payloads_size() == 0 ? "" : payloads.payloads(0).data();
}

uint64_t HashOf(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return base::Random(hash).Next();
}

std::string BytesOf(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

}  // namespace perdure::sim
