// The client of one root workflow: starts it, signals, updates and queries it, perhaps cancels or
// terminates it, and waits for its end. Every request is repeated with the same request id until
// something definite is said; what was promised goes into the ledger. Loop-bound to the world's
// loop.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "sim/caller.h"
#include "sim/program.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::sim {

namespace api = temporal::api::workflowservice::v1;

class Client : public Caller {
 public:
  Client(Scheduler& scheduler, SimLoop& world, Network& network, Ledger& ledger,
         std::string workflow_id, uint64_t seed);

  void Begin();
  bool is_done() const { return is_closed() && open_requests_ == 0; }
  const std::string& workflow_id() const { return workflow_id_; }
  std::string Describe() const;

 private:
  WorkflowRecord& record() { return ledger_.workflows[workflow_id_]; }
  // For the check of all requests and answers. The effect of a request may come from any of its
  // tries, what it shows is from its last one.
  void Sent(SentRequest request, const absl::Status& status);
  void ShowedLength(const std::string& run_id, int64_t length,
                    const std::map<std::string, int64_t>& before);
  bool HasOneLog() const;
  void Start();
  void StartWithSignal();
  void StartWithUpdate();
  api::StartWorkflowExecutionRequest StartRequest();
  void OnStarted(const absl::Status& status, const std::string& run_id);
  void PlanActions();
  void Signal(const std::string& input);
  void Update(const std::string& update_id);
  void OnUpdateOutcome(const std::string& update_id,
                       const temporal::api::update::v1::Outcome& outcome);
  void Query();
  void DescribeRun();
  void StartRival();
  // Reads what was just acknowledged, from another server.
  void LookAgain();
  // So many times, each at any server: one that was frozen may hold the answer until it wakes.
  void KeepLooking(int times);
  struct Reading {
    std::string run_id;
    std::map<std::string, int64_t> before;  // what had been shown when it began
  };
  void ReadHistory(const Reading& reading, const std::string& page_token);
  void Cancel();
  void Terminate();
  // client_operator.cc: what an operator does to runs.
  // An empty run id: the current run.
  void Describe(
      const std::string& run_id,
      absl::AnyInvocable<void(absl::StatusOr<api::DescribeWorkflowExecutionResponse>) &&> done);
  void List(const std::string& query,
            absl::AnyInvocable<void(absl::StatusOr<api::ListWorkflowExecutionsResponse>) &&> done);
  void PauseAndUnpause();
  void Unpause();
  void PauseActivity();
  void PauseThat(const temporal::api::common::v1::WorkflowExecution& execution,
                 const std::string& activity_id);
  void LookAtPause(const temporal::api::common::v1::WorkflowExecution& execution,
                   const std::string& activity_id);
  void UnpauseActivity(const temporal::api::common::v1::WorkflowExecution& execution,
                       const std::string& activity_id);
  void Reset();
  void CollectResetPoints(const std::string& run_id, const std::string& page_token,
                          std::vector<int64_t> points);
  void ResetTo(const std::string& run_id, int64_t event_id);
  // What was acknowledged is in the next list and count.
  void LookForStarted(const std::string& run_id);
  void LookForClosed(const std::string& run_id, int status);

  bool is_closed() const { return is_started_ && open_waits_ == 0; }
  void WaitForClose(const std::string& run_id, const std::string& page_token);

  const std::string workflow_id_;
  const uint64_t seed_;
  const std::string request_id_;
  std::map<std::string, int64_t> updates_began_;
  int open_requests_ = 0;
  bool is_started_ = false;
  int open_waits_ = 0;  // for the ends of chains of runs: one more with each reset
};

}  // namespace perdure::sim
