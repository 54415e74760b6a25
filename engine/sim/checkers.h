// After a simulated run: does what is stored, what the API says and what was promised agree?
//
// Called from outside the scheduler, which it drives while it waits for answers. Faults are over.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "machines/workflow/state.h"
#include "sim/cluster.h"
#include "sim/ledger.h"
#include "sim/replay.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::sim {

namespace api = temporal::api::workflowservice::v1;

class Checkers {
 public:
  Checkers(Scheduler& scheduler, Cluster& cluster, Network& network, const Ledger& ledger)
      : scheduler_(scheduler), cluster_(cluster), network_(network), ledger_(ledger) {}

  // Runs that are not closed.
  int64_t OpenRuns();
  // What is wrong; empty if nothing.
  std::vector<std::string> Check();
  // Histories of the runs that something is wrong with, for people.
  std::string Explain(const std::string& workflow_id);

 private:
  struct Run {
    std::string workflow_id;
    std::string run_id;
    std::vector<HistoryEvent> events;  // as the journal has them
    machines::State state;
    Replay replay;
    store::LoadedExecution row;
  };

  template <class T, class Start>
  absl::StatusOr<T> Await(Start start);
  template <class Request, class Response>
  absl::StatusOr<Response> Ask(const char* method, const Request& request);

  void Wrong(const Run& run, const std::string& what);
  bool Load();
  void LoadRun(const store::DueExecution& row);
  void CheckRebuild(Run& run, const std::vector<store::JournalEntry>& journal);
  void CheckApi(const Run& run);
  void CheckEnd(const Run& run);
  void CheckSeen(const Run& run);
  void CheckChains();
  void CheckSignals();
  void CheckUpdates();
  void CheckList();
  void CheckCount(const std::string& query, int64_t expected);
  void CheckOrder();
  // checkers_chains.cc
  void CheckLink(const Run& run);
  void CheckWait(const Run& run);
  void CheckSuccession(const Run& run, const Run& next);
  void CheckCronAndRetry();
  void CheckChain(const std::string& workflow_id, const ChainRecord& record);
  // checkers_children.cc
  void CheckChildren();
  void CheckChild(const Run& child, const Run& parent);
  void CheckReuse(const std::vector<const Run*>& chains);
  // checkers_operator.cc
  void CheckResets();
  void CheckReset(const std::string& workflow_id, const WorkflowRecord& record);
  void CheckNothingLost(const std::string& workflow_id, const WorkflowRecord& record);
  void CheckPauses();
  void CheckDeletions();
  void CheckShares();
  void CheckRetention();
  void CheckGone(base::NamespaceNumber number, const std::string& workflow_id,
                 const std::set<store::ExecutionKey>& rows);

  Scheduler& scheduler_;
  Cluster& cluster_;
  Network& network_;
  const Ledger& ledger_;
  std::vector<std::string> wrongs_;
  std::map<std::string, Run> runs_;  // by run id
};

template <class T, class Start>
absl::StatusOr<T> Checkers::Await(Start start) {
  std::optional<absl::StatusOr<T>> result;
  start([&result](absl::StatusOr<T> answer) { result = std::move(answer); });
  const absl::Time limit = scheduler_.Now() + absl::Minutes(5);
  while (!result.has_value()) {
    if (!scheduler_.Step(limit)) return absl::DeadlineExceededError("the simulation answers not");
  }
  return *std::move(result);
}

}  // namespace perdure::sim
