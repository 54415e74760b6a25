// Checks of workflows that go on by cron or retry: every link follows the one before, once, and at
// its time.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "sim/checkers.h"

namespace perdure::sim {
namespace {

namespace enums = temporal::api::enums::v1;
using temporal::api::history::v1::WorkflowExecutionStartedEventAttributes;

constexpr int64_t kSecondNs = 1'000'000'000;

const WorkflowExecutionStartedEventAttributes& Started(const std::vector<HistoryEvent>& events) {
  return events.front().workflow_execution_started_event_attributes();
}

int64_t NsOf(const google::protobuf::Duration& duration) {
  return duration.seconds() * kSecondNs + duration.nanos();
}

int64_t TimeNs(const HistoryEvent& event) {
  return event.event_time().seconds() * kSecondNs + event.event_time().nanos();
}

enums::RetryState RetryStateOf(const HistoryEvent& end) {
  return end.has_workflow_execution_failed_event_attributes()
             ? end.workflow_execution_failed_event_attributes().retry_state()
             : end.workflow_execution_timed_out_event_attributes().retry_state();
}

// What the retry policy says to an end like that.
enums::RetryState RetryStateBy(const WorkflowExecutionStartedEventAttributes& started,
                               const HistoryEvent& end) {
  if (!started.has_retry_policy()) return enums::RETRY_STATE_RETRY_POLICY_NOT_SET;
  const auto& failure = end.workflow_execution_failed_event_attributes().failure();
  if (failure.application_failure_info().type() == kFinalFailure) {
    return enums::RETRY_STATE_NON_RETRYABLE_FAILURE;
  }
  if (started.attempt() >= started.retry_policy().maximum_attempts()) {
    return enums::RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED;
  }
  return enums::RETRY_STATE_IN_PROGRESS;
}

// From the schedules of ChainClient.
int64_t PeriodNs(const std::string& schedule) {
  absl::Duration every;
  if (absl::StartsWith(schedule, "@every ") && absl::ParseDuration(schedule.substr(7), &every)) {
    return absl::ToInt64Nanoseconds(every);
  }
  return (absl::StartsWith(schedule, "*/2") ? 120 : 60) * kSecondNs;
}

// What is wrong with the time of a run that follows by cron; empty if nothing. `due_ns`: when the
// run before was to begin.
std::string WrongTick(const std::string& schedule, int64_t due_ns, int64_t closed_ns,
                      int64_t backoff_ns) {
  const int64_t period_ns = PeriodNs(schedule);
  // Ended before its time, by another server's clock, or after a reset: its tick is still to come.
  if (closed_ns < due_ns) return "";
  // Rounded up to whole seconds.
  if (backoff_ns <= 0 || backoff_ns > period_ns + kSecondNs) {
    return absl::StrCat("it waits for ", backoff_ns, " ns");
  }
  const int64_t next_ns = closed_ns + backoff_ns;
  if (absl::StartsWith(schedule, "@every")) {
    return next_ns < due_ns + period_ns - kSecondNs ? "its tick comes too early" : "";
  }
  if (next_ns / period_ns == closed_ns / period_ns) return "its tick had passed";
  if (next_ns % period_ns >= kSecondNs) return "it is off its schedule";
  return "";
}

}  // namespace

// One link ended as it should, and goes on if it should.
void Checkers::CheckLink(const Run& run) {
  const HistoryEvent& end = run.events.back();
  const auto& started = Started(run.events);
  const auto found = ledger_.chains.find(run.workflow_id);
  if (found == ledger_.chains.end()) return Wrong(run, "a link of no chain");
  const LinkManner manner = run.replay.link_manner();
  const std::string next = NextRunAfter(end);
  switch (end.event_type()) {
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
      if (manner != LinkManner::kCompletes) Wrong(run, "it was not to complete");
      if (next.empty() != started.cron_schedule().empty()) Wrong(run, "it goes on wrongly");
      break;
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: {
      const bool is_failed = end.has_workflow_execution_failed_event_attributes();
      const bool is_to_fail = manner == LinkManner::kFails || manner == LinkManner::kFailsForGood;
      if (is_failed ? !is_to_fail : !started.has_workflow_run_timeout()) {
        Wrong(run, "it was to end otherwise");
      }
      const enums::RetryState expected = RetryStateBy(started, end);
      if (RetryStateOf(end) != expected) {
        Wrong(run, absl::StrCat("its retry state is not ", enums::RetryState_Name(expected)));
      }
      const bool goes_on =
          expected == enums::RETRY_STATE_IN_PROGRESS || !started.cron_schedule().empty();
      if (goes_on == next.empty()) Wrong(run, "it goes on wrongly");
      break;
    }
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
      break;
    default:
      Wrong(run, absl::StrCat("a link ended with ", enums::EventType_Name(end.event_type())));
  }
  if (run.replay.is_cancel_requested() &&
      (end.has_workflow_execution_completed_event_attributes() ||
       end.has_workflow_execution_failed_event_attributes())) {
    Wrong(run, "it was asked to cancel and ended otherwise");
  }
  CheckWait(run);
  if (next.empty()) return;
  const auto following = runs_.find(next);
  if (following == runs_.end()) return Wrong(run, "its next run does not exist");
  CheckSuccession(run, following->second);
}

// No workflow task before its time.
void Checkers::CheckWait(const Run& run) {
  const int64_t backoff_ns = NsOf(Started(run.events).first_workflow_task_backoff());
  for (const HistoryEvent& event : run.events) {
    if (!event.has_workflow_task_scheduled_event_attributes()) continue;
    if (TimeNs(event) < TimeNs(run.events.front()) + backoff_ns) {
      Wrong(run, "a workflow task was scheduled while it was to wait");
    }
    return;
  }
}

void Checkers::CheckSuccession(const Run& run, const Run& next) {
  const auto& before = Started(run.events);
  const auto& after = Started(next.events);
  const HistoryEvent& end = run.events.back();
  const bool is_retry = RetryStateOf(end) == enums::RETRY_STATE_IN_PROGRESS;
  if (after.continued_execution_run_id() != run.run_id) Wrong(next, "it follows another run");
  if (after.first_execution_run_id() != before.first_execution_run_id()) {
    Wrong(next, "its chain begins with another run");
  }
  if (after.attempt() != (is_retry ? before.attempt() + 1 : 1)) {
    Wrong(next, absl::StrCat("it is attempt ", after.attempt(), " after ", before.attempt()));
  }
  const auto initiator = is_retry ? enums::CONTINUE_AS_NEW_INITIATOR_RETRY
                                  : enums::CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE;
  if (after.initiator() != initiator) Wrong(next, "it is said to follow for another reason");
  const bool is_same = BytesOf(after.input()) == BytesOf(before.input()) &&
                       BytesOf(after.memo()) == BytesOf(before.memo()) &&
                       BytesOf(after.retry_policy()) == BytesOf(before.retry_policy()) &&
                       after.cron_schedule() == before.cron_schedule();
  if (!is_same) Wrong(next, "it does not go on with what the run before had");
  const auto& result = end.has_workflow_execution_completed_event_attributes()
                           ? end.workflow_execution_completed_event_attributes().result()
                           : before.last_completion_result();
  if (BytesOf(after.last_completion_result()) != BytesOf(result)) {
    Wrong(next, "it got another result than the last one");
  }
  const auto& failure = end.workflow_execution_failed_event_attributes().failure();
  const bool is_timeout = end.has_workflow_execution_timed_out_event_attributes();
  if (is_timeout ? !after.continued_failure().has_timeout_failure_info()
                 : after.continued_failure().message() != failure.message()) {
    Wrong(next, "it got another failure than that of the run before");
  }
  const int64_t backoff_ns = NsOf(after.first_workflow_task_backoff());
  const int64_t closed_ns = TimeNs(next.events.front());
  const int64_t due_ns = run.state.info.execution_time_ns();
  if (!is_retry) {
    const std::string wrong = WrongTick(after.cron_schedule(), due_ns, closed_ns, backoff_ns);
    if (!wrong.empty()) Wrong(next, wrong);
    return;
  }
  const auto& policy = before.retry_policy();
  const int64_t interval_ns = std::min(NsOf(policy.initial_interval()) << (before.attempt() - 1),
                                       NsOf(policy.maximum_interval()));
  // Runs of one id do not begin within the same second.
  if (backoff_ns != std::max(interval_ns, due_ns + kSecondNs - closed_ns)) {
    Wrong(next, absl::StrCat("it waits for ", backoff_ns, " ns, not ", interval_ns));
  }
}

void Checkers::CheckChain(const std::string& workflow_id, const ChainRecord& record) {
  int64_t firsts = 0;
  int64_t resets = 0;
  int64_t cancels = 0;
  const Run* current = nullptr;
  std::map<std::string, int64_t> signals;  // the most in one run
  for (const auto& [run_id, run] : runs_) {
    if (run.workflow_id != workflow_id || run.events.empty()) continue;
    if (run.row.is_current) current = &run;
    cancels += run.replay.is_cancel_requested() ? 1 : 0;
    std::map<std::string, int64_t> here;
    for (const HistoryEvent& event : run.events) {
      if (!event.has_workflow_execution_signaled_event_attributes()) continue;
      ++here[TextOf(event.workflow_execution_signaled_event_attributes().input())];
    }
    for (const auto& [input, times] : here) signals[input] = std::max(signals[input], times);
    if (!run.state.info.reset_of_run_id().empty()) {
      ++resets;
      continue;
    }
    const std::string& before = Started(run.events).continued_execution_run_id();
    if (before.empty()) {
      ++firsts;
      if (!record.first_run_id.empty() && record.first_run_id != run_id) {
        Wrong(run, "its chain was acknowledged with another first run");
      }
      continue;
    }
    const auto found = runs_.find(before);
    if (found == runs_.end() || found->second.events.empty() ||
        NextRunAfter(found->second.events.back()) != run_id) {
      Wrong(run, "the run that it follows does not go on with it");
    }
  }
  const auto wrong = [&](const std::string& what) {
    wrongs_.push_back(absl::StrCat(workflow_id, ": ", what));
  };
  if (firsts > 1 || (record.is_started && firsts != 1)) {
    return wrong(absl::StrCat("its chain has ", firsts, " first runs"));
  }
  if (resets != static_cast<int64_t>(record.resets.size())) {
    wrong(absl::StrCat(record.resets.size(), " resets were acknowledged and ", resets,
                       " were carried out"));
  }
  for (const auto& [run_id, base_id] : record.resets) {
    const auto reset = runs_.find(run_id);
    if (reset == runs_.end() || reset->second.state.info.reset_of_run_id() != base_id) {
      wrong(absl::StrCat("its reset to ", run_id, " is not there"));
    }
  }
  for (const std::string& run_id : record.links_seen) {
    if (!runs_.contains(run_id)) wrong(absl::StrCat(run_id, " was seen and is not there"));
  }
  for (const auto& [input, promise] : record.signals) {
    if (signals[input] > 1 || (promise.is_acknowledged && signals[input] != 1)) {
      wrong(absl::StrCat("signal ", input, " is there ", signals[input], " times"));
    }
  }
  if (record.is_cancelled && cancels == 0) wrong("its cancellation was acknowledged and is lost");
  if (current == nullptr || !record.is_terminated) return;
  if (current->state.info.status() != enums::WORKFLOW_EXECUTION_STATUS_TERMINATED) {
    Wrong(*current, "its termination was acknowledged and it ended otherwise");
  }
}

void Checkers::CheckCronAndRetry() {
  for (const auto& [workflow_id, record] : ledger_.chains) CheckChain(workflow_id, record);
}

}  // namespace perdure::sim
