#include "sim/checkers.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "machines/workflow/history_checker.h"

namespace perdure::sim {
namespace {

namespace enums = temporal::api::enums::v1;

}  // namespace

template <class Request, class Response>
absl::StatusOr<Response> Checkers::Ask(const char* method, const Request& request) {
  absl::Status last = absl::UnavailableError("no server");
  for (int i = 0; i < 200; ++i) {
    auto response = Await<Response>([&](auto done) {
      network_.Call<Request, Response>(i % network_.server_count(), method, request,
                                       absl::Seconds(10), std::move(done));
    });
    if (response.ok()) return response;
    last = response.status();
    if (last.code() != absl::StatusCode::kUnavailable &&
        last.code() != absl::StatusCode::kDeadlineExceeded) {
      return last;
    }
    scheduler_.RunUntil(scheduler_.Now() + absl::Milliseconds(200));
  }
  return last;
}

void Checkers::Wrong(const Run& run, const std::string& what) {
  wrongs_.push_back(absl::StrCat(run.workflow_id, " ", run.run_id, ": ", what));
}

int64_t Checkers::OpenRuns() {
  auto rows = Await<std::vector<store::DueExecution>>([this](auto done) {
    cluster_.reader().RunsOfNamespace(base::NamespaceNumber(1), 1'000'000, std::move(done));
  });
  if (!rows.ok()) return -1;
  int64_t open = 0;
  for (const auto& row : *rows) open += row.is_closed ? 0 : 1;
  return open;
}

bool Checkers::Load() {
  auto rows = Await<std::vector<store::DueExecution>>([this](auto done) {
    cluster_.reader().RunsOfNamespace(base::NamespaceNumber(1), 1'000'000, std::move(done));
  });
  if (!rows.ok()) {
    wrongs_.push_back("the store cannot be read: " + rows.status().ToString());
    return false;
  }
  for (const auto& row : *rows) LoadRun(row);
  return true;
}

void Checkers::LoadRun(const store::DueExecution& row) {
  Run run;
  run.workflow_id = row.workflow_id.value();
  run.run_id = row.run_id.value();
  auto loaded = Await<store::LoadedExecution>([&](auto done) {
    cluster_.reader().LoadExecution(row.namespace_number, row.workflow_id, row.run_id,
                                    std::move(done));
  });
  auto journal = Await<std::vector<store::JournalEntry>>([&](auto done) {
    store::JournalRange range;
    range.key = row.key;
    range.bytes_max = INT64_MAX / 2;
    range.records_max = INT64_MAX / 2;
    cluster_.reader().ReadJournal(range, std::move(done));
  });
  if (!loaded.ok() || !journal.ok()) return Wrong(run, "it cannot be loaded");
  run.row = *std::move(loaded);
  CheckRebuild(run, *journal);
  runs_.emplace(run.run_id, std::move(run));
}

// The state is the same from the whole journal as from snapshot and tail.
void Checkers::CheckRebuild(Run& run, const std::vector<store::JournalEntry>& journal) {
  machines::State whole;
  machines::State resumed;
  int64_t sequence = 0;
  int64_t resumed_from = 0;
  if (run.row.snapshot.has_value()) {
    machines::pb::Snapshot snapshot;
    if (!snapshot.ParseFromString(run.row.snapshot->bytes)) Wrong(run, "unreadable snapshot");
    resumed = machines::State::FromSnapshot(snapshot);
    resumed_from = run.row.snapshot->sequence;
  }
  for (const auto& entry : journal) {
    machines::pb::JournalRecord record;
    if (entry.sequence != ++sequence) Wrong(run, absl::StrCat("gap before record ", sequence));
    if (!record.ParseFromString(entry.record)) Wrong(run, "unreadable record");
    whole.ApplyRecord(record);
    if (entry.sequence > resumed_from) resumed.ApplyRecord(record);
    for (const auto& change : record.changes()) {
      if (machines::IsVolatile(change)) Wrong(run, "a volatile change is in the journal");
      if (!change.has_event()) continue;
      run.events.push_back(change.event());
      run.replay.See(change.event());
    }
  }
  // Stamps count speculative tasks too, which only a snapshot knows of.
  const auto durable = [](const machines::State& state) {
    machines::pb::Snapshot snapshot = state.ToSnapshot();
    snapshot.mutable_info()->clear_workflow_task_stamp();
    snapshot.mutable_info()->mutable_workflow_task()->clear_stamp();
    return snapshot;
  };
  if (BytesOf(durable(whole)) != BytesOf(durable(resumed))) {
    std::string difference;
    google::protobuf::util::MessageDifferencer differencer;
    differencer.ReportDifferencesToString(&difference);
    (void)differencer.Compare(durable(whole), durable(resumed));
    Wrong(run, "the state from the journal is not that from snapshot and tail: " + difference);
  }
  if (!whole.Exists()) return Wrong(run, "its journal makes no run");
  if (whole.IsRunning() == run.row.is_closed) Wrong(run, "its row disagrees on being closed");
  run.state = std::move(whole);
}

// The API shows what is stored.
void Checkers::CheckApi(const Run& run) {
  std::vector<HistoryEvent> events;
  std::string token;
  do {
    api::GetWorkflowExecutionHistoryRequest request;
    request.set_namespace_("default");
    request.mutable_execution()->set_workflow_id(run.workflow_id);
    request.mutable_execution()->set_run_id(run.run_id);
    request.set_next_page_token(token);
    auto page =
        Ask<api::GetWorkflowExecutionHistoryRequest, api::GetWorkflowExecutionHistoryResponse>(
            "GetWorkflowExecutionHistory", request);
    if (!page.ok()) return Wrong(run, "its history cannot be read: " + page.status().ToString());
    for (const auto& event : page->history().events()) events.push_back(event);
    token = page->next_page_token();
  } while (!token.empty());
  if (events.size() != run.events.size()) {
    Wrong(run, absl::StrCat("the API shows ", events.size(), " events, the journal has ",
                            run.events.size()));
  } else {
    for (size_t i = 0; i < events.size(); ++i) {
      if (BytesOf(events[i]) != BytesOf(run.events[i])) {
        Wrong(run, absl::StrCat("the API shows event ", i + 1, " otherwise than the journal"));
      }
    }
  }
  api::DescribeWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.mutable_execution()->set_workflow_id(run.workflow_id);
  request.mutable_execution()->set_run_id(run.run_id);
  const auto described =
      Ask<api::DescribeWorkflowExecutionRequest, api::DescribeWorkflowExecutionResponse>(
          "DescribeWorkflowExecution", request);
  if (!described.ok()) return Wrong(run, "describe: " + described.status().ToString());
  if (described->workflow_execution_info().status() != run.state.info.status()) {
    Wrong(run, "Describe shows another status than its history");
  }
  if (described->workflow_execution_info().history_length() !=
      static_cast<int64_t>(run.events.size())) {
    Wrong(run, "Describe shows another history length");
  }
  if (!run.state.IsRunning() && described->has_pending_workflow_task()) {
    Wrong(run,
          "it is closed and Describe shows something pending: " + described->ShortDebugString());
  }
}

// It ended as its program says.
void Checkers::CheckEnd(const Run& run) {
  for (const std::string& wrong : machines::CheckHistory(run.events)) Wrong(run, wrong);
  for (const std::string& wrong : run.replay.Wrongs()) Wrong(run, wrong);
  if (run.events.empty()) return Wrong(run, "it has no events");
  if (run.state.IsRunning()) return Wrong(run, "it is stuck");
  if (run.replay.input().is_link) CheckLink(run);
  const auto found = ledger_.workflows.find(run.workflow_id);
  const bool is_root = found != ledger_.workflows.end();
  const HistoryEvent& last = run.events.back();
  switch (last.event_type()) {
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: {
      const std::string result =
          TextOf(last.workflow_execution_completed_event_attributes().result());
      if (result != run.replay.Result()) {
        Wrong(run, absl::StrCat("its result is ", result, ", not ", run.replay.Result()));
      }
      return;
    }
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: {
      if (run.replay.input().is_link) return;
      const auto& a = last.workflow_execution_failed_event_attributes();
      if (a.failure().message() != run.replay.Result()) Wrong(run, "it failed with another result");
      const int attempt = run.events[0].workflow_execution_started_event_attributes().attempt();
      const Program& program = run.replay.program();
      if (attempt > program.failing_attempts) Wrong(run, "it failed though it should not");
      const bool goes_on = attempt < program.attempts_max;
      if (goes_on != !a.new_execution_run_id().empty()) Wrong(run, "retry went wrong");
      return;
    }
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: {
      const auto& a = last.workflow_execution_continued_as_new_event_attributes();
      const ProgramInput next = DecodeProgramInput(TextOf(a.input()));
      if (next.signals != run.replay.signals()) {
        Wrong(run, absl::StrCat("it went on with ", next.signals, " signals, having got ",
                                run.replay.signals()));
      }
      const std::string& next_id = a.new_execution_run_id();
      if (!runs_.contains(next_id) && !ledger_.deleted_runs.contains(next_id)) {
        Wrong(run, "its next run does not exist");
      }
      return;
    }
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
      if (is_root && !found->second.may_be_cancelled) Wrong(run, "nobody cancelled it");
      return;
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
      if (last.workflow_execution_terminated_event_attributes().reason() == kResetReason) return;
      if (is_root && !found->second.may_be_terminated) Wrong(run, "nobody terminated it");
      return;
    default:
      if (run.replay.input().is_link) return;
      Wrong(run, absl::StrCat("its last event is ", enums::EventType_Name(last.event_type())));
  }
}

// What anybody saw of it is what it is.
void Checkers::CheckSeen(const Run& run) {
  for (auto seen = ledger_.events_seen.lower_bound({run.run_id, 0});
       seen != ledger_.events_seen.end() && seen->first.first == run.run_id; ++seen) {
    const int64_t id = seen->first.second;
    if (id < 1 || id > static_cast<int64_t>(run.events.size())) {
      Wrong(run, absl::StrCat("event ", id, " was seen and is not there"));
      continue;
    }
    HistoryEvent event;
    (void)event.ParseFromString(seen->second);
    if (BytesOf(event) != BytesOf(run.events[static_cast<size_t>(id) - 1])) {
      Wrong(run, absl::StrCat("event ", id, " was seen in another form: ", event.ShortDebugString(),
                              " is ", run.events[static_cast<size_t>(id) - 1].ShortDebugString()));
    }
  }
}

void Checkers::CheckChains() {
  // One chain a workflow id: no start was carried out twice.
  std::map<std::string, std::string> first_run;
  for (const auto& [run_id, run] : runs_) {
    if (ledger_.reusable_ids.contains(run.workflow_id)) continue;
    if (absl::EndsWith(run.workflow_id, kReusedSuffix)) continue;
    const auto [entry, is_new] = first_run.emplace(run.workflow_id, run.state.info.first_run_id());
    if (!is_new && entry->second != run.state.info.first_run_id()) {
      Wrong(run, "its workflow id has a second chain of runs");
    }
  }
  for (const auto& [workflow_id, record] : ledger_.workflows) {
    if (record.is_started && !first_run.contains(workflow_id)) {
      wrongs_.push_back(workflow_id + ": acknowledged and not there");
    }
    if (!record.is_started || record.first_run_id.empty()) continue;
    int64_t firsts = 0;
    for (const auto& [run_id, run] : runs_) {
      if (run.workflow_id != workflow_id) continue;
      if (run_id == record.first_run_id) ++firsts;
    }
    if (firsts != 1)
      wrongs_.push_back(workflow_id + ": the run that was acknowledged is not there");
  }
  for (const auto& [run_id, workflow_id] : ledger_.workflow_of_run) {
    if (!runs_.contains(run_id) && !ledger_.deleted_runs.contains(run_id)) {
      wrongs_.push_back(absl::StrCat(workflow_id, " ", run_id,
                                     ": a worker had a task of it and it does not exist"));
    }
  }
}

void Checkers::CheckSignals() {
  // By workflow and input: the most often in one run. A repeat that comes after the chain went on
  // to its next run is a new signal there, in Temporal too: request ids are known to their run
  // alone.
  std::map<std::pair<std::string, std::string>, int64_t> got;
  std::map<std::string, int> runs_of;
  for (const auto& [run_id, run] : runs_) {
    ++runs_of[run.workflow_id];
    std::map<std::string, int64_t> here;
    for (const HistoryEvent& event : run.events) {
      if (!event.has_workflow_execution_signaled_event_attributes()) continue;
      ++here[TextOf(event.workflow_execution_signaled_event_attributes().input())];
    }
    for (const auto& [input, times] : here) {
      int64_t& most = got[{run.workflow_id, input}];
      most = std::max(most, times);
    }
  }
  const auto check = [&](const std::string& workflow_id, const std::string& input, bool is_sure,
                         bool is_refused) {
    const auto found = got.find({workflow_id, input});
    const int64_t times = found == got.end() ? 0 : found->second;
    if (times > 1 || (is_sure && times != 1) || (is_refused && times != 0)) {
      wrongs_.push_back(absl::StrCat(workflow_id, ": signal ", input, " is there ", times,
                                     " times; it was ",
                                     is_sure      ? "acknowledged"
                                     : is_refused ? "refused"
                                                  : "sent"));
    }
  };
  for (const auto& [workflow_id, record] : ledger_.workflows) {
    for (const auto& [input, promise] : record.signals) {
      check(workflow_id, input, promise.is_acknowledged, false);
    }
  }
  for (const auto& [run_id, run] : runs_) {
    std::map<int64_t, int> outcome;  // by initiated event: 1 signaled, 2 failed
    for (const HistoryEvent& event : run.events) {
      if (event.has_external_workflow_execution_signaled_event_attributes()) {
        outcome[event.external_workflow_execution_signaled_event_attributes()
                    .initiated_event_id()] = 1;
      }
      if (event.has_signal_external_workflow_execution_failed_event_attributes()) {
        outcome[event.signal_external_workflow_execution_failed_event_attributes()
                    .initiated_event_id()] = 2;
      }
    }
    for (const HistoryEvent& event : run.events) {
      if (!event.has_signal_external_workflow_execution_initiated_event_attributes()) continue;
      const auto& a = event.signal_external_workflow_execution_initiated_event_attributes();
      const int how = outcome[event.event_id()];
      // Refused by a later run of the chain, after the first try was taken by the one before.
      const bool is_refused = how == 2 && runs_of[a.workflow_execution().workflow_id()] == 1;
      check(a.workflow_execution().workflow_id(), TextOf(a.input()), how == 1, is_refused);
    }
  }
}

void Checkers::CheckUpdates() {
  struct Fate {
    int64_t accepted = 0;
    std::set<std::string> outcomes;  // more than one where a later run of the chain did it again
  };
  std::map<std::pair<std::string, std::string>, Fate> fates;
  for (const auto& [run_id, run] : runs_) {
    for (const HistoryEvent& event : run.events) {
      if (event.has_workflow_execution_update_accepted_event_attributes()) {
        ++fates[{run.workflow_id, event.workflow_execution_update_accepted_event_attributes()
                                      .protocol_instance_id()}]
              .accepted;
      }
      if (event.has_workflow_execution_update_completed_event_attributes()) {
        const auto& a = event.workflow_execution_update_completed_event_attributes();
        fates[{run.workflow_id, a.meta().update_id()}].outcomes.insert(
            TextOf(a.outcome().success()));
      }
    }
  }
  for (const auto& [workflow_id, record] : ledger_.workflows) {
    for (const auto& [update_id, outcome] : record.updates) {
      const Fate& fate = fates[{workflow_id, update_id}];
      if (fate.accepted < 1) {
        wrongs_.push_back(
            absl::StrCat(workflow_id, ": ", update_id, " was acknowledged and is not in history"));
      }
      if (!outcome.empty() && !fate.outcomes.contains(outcome)) {
        wrongs_.push_back(absl::StrCat(workflow_id, ": ", update_id, " was answered with ", outcome,
                                       ", which is not in history"));
      }
    }
    for (const std::string& update_id : record.rejected_updates) {
      if (fates[{workflow_id, update_id}].accepted > 0) {
        wrongs_.push_back(
            absl::StrCat(workflow_id, ": ", update_id, " was rejected and is in history"));
      }
    }
  }
}

// The answers to a workflow's requests, and what is stored of it, are those of one correct server.
void Checkers::CheckOrder() {
  std::map<std::string, Entries> ends;  // the log of each workflow's last run
  for (const auto& [run_id, run] : runs_) {
    if (run.events.empty() || run.state.IsRunning()) continue;
    const HistoryEvent& last = run.events.back();
    const bool goes_on =
        last.has_workflow_execution_continued_as_new_event_attributes() ||
        !last.workflow_execution_failed_event_attributes().new_execution_run_id().empty();
    if (!goes_on) ends[run.workflow_id] = run.replay.log();
  }
  for (const auto& [workflow_id, record] : ledger_.workflows) {
    std::vector<SentRequest> requests = record.requests;
    SentRequest last{.begin = std::numeric_limits<int64_t>::max() - 1, .is_running = false};
    if (record.may_be_reset) continue;  // It may run again after its end.
    if (record.has_one_log()) last.seen = ends[workflow_id];
    requests.push_back(std::move(last));
    const std::string wrong = CheckLinearizable(
        std::move(requests),
        +[](const std::string& entry) { return absl::StartsWith(entry, "peer:"); });
    if (!wrong.empty()) wrongs_.push_back(absl::StrCat(workflow_id, ": ", wrong));
  }
}

// The list shows each run once, as its history says.
void Checkers::CheckList() {
  std::map<std::string, int> listed;
  std::string token;
  do {
    api::ListWorkflowExecutionsRequest request;
    request.set_namespace_("default");
    request.set_page_size(7);
    request.set_next_page_token(token);
    auto page = Ask<api::ListWorkflowExecutionsRequest, api::ListWorkflowExecutionsResponse>(
        "ListWorkflowExecutions", request);
    if (!page.ok()) {
      wrongs_.push_back("listing: " + page.status().ToString());
      return;
    }
    for (const auto& row : page->executions()) {
      ++listed[row.execution().run_id()];
      const auto found = runs_.find(row.execution().run_id());
      if (found == runs_.end()) {
        wrongs_.push_back(row.execution().run_id() + ": listed and not there");
        continue;
      }
      const Run& run = found->second;
      const auto& info = run.state.info;
      if (row.status() != info.status()) Wrong(run, "the list shows another status");
      if (row.execution().workflow_id() != run.workflow_id) Wrong(run, "listed under another id");
      if (!run.state.IsRunning() &&
          row.history_length() != static_cast<int64_t>(run.events.size())) {
        Wrong(run, absl::StrCat("the list shows ", row.history_length(), " events of ",
                                run.events.size()));
      }
      if (!run.state.IsRunning() && !row.has_close_time()) Wrong(run, "the list has no close time");
      if (row.root_execution().run_id() != info.root_run_id())
        Wrong(run, "listed with another root");
      if (AttributeIn(row.search_attributes()) != run.replay.attribute() ||
          MemoIn(row.memo()) != run.replay.memo()) {
        Wrong(run, "it is listed with another search attribute or memo than it upserted");
      }
    }
    token = page->next_page_token();
  } while (!token.empty());
  for (const auto& [run_id, run] : runs_) {
    const auto found = listed.find(run_id);
    const int times = found == listed.end() ? 0 : found->second;
    if (times != 1) Wrong(run, absl::StrCat("it is listed ", times, " times"));
  }
  CheckCount("", static_cast<int64_t>(runs_.size()));
  std::map<int64_t, int64_t> runs_with;  // by the value of the attribute
  for (const auto& [run_id, run] : runs_) {
    if (run.replay.attribute() > 0) ++runs_with[run.replay.attribute()];
  }
  for (const auto& [value, runs] : runs_with) {
    CheckCount(absl::StrCat(kUpsertedAttribute, " = '", AttributeText(value), "'"), runs);
  }
}

void Checkers::CheckCount(const std::string& query, int64_t expected) {
  api::CountWorkflowExecutionsRequest request;
  request.set_namespace_("default");
  request.set_query(query);
  const auto count = Ask<api::CountWorkflowExecutionsRequest, api::CountWorkflowExecutionsResponse>(
      "CountWorkflowExecutions", request);
  if (!count.ok() || count->count() != expected) {
    wrongs_.push_back(absl::StrCat("the count of runs is wrong: ", query));
  }
}

std::vector<std::string> Checkers::Check() {
  if (!Load()) return wrongs_;
  for (const auto& [run_id, run] : runs_) {
    CheckEnd(run);
    CheckSeen(run);
    CheckApi(run);
  }
  CheckChains();
  CheckSignals();
  CheckUpdates();
  CheckList();
  CheckOrder();
  CheckCronAndRetry();
  CheckChildren();
  CheckResets();
  CheckPauses();
  CheckDeletions();
  CheckShares();
  CheckRetention();
  return wrongs_;
}

std::string Checkers::Explain(const std::string& workflow_id) {
  std::string text;
  for (const auto& [run_id, run] : runs_) {
    if (run.workflow_id != workflow_id) continue;
    absl::StrAppend(&text, run.workflow_id, " ", run_id, "\n");
    for (const HistoryEvent& event : run.events) {
      absl::StrAppend(&text, "  ", event.ShortDebugString(), "\n");
    }
    if (run.state.IsRunning()) {
      absl::StrAppend(&text, "  state: ", run.state.ToSnapshot().DebugString(), "\n");
    }
  }
  return text;
}

}  // namespace perdure::sim
