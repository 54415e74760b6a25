// The client of one workflow that goes on by cron or retry: starts it, follows it from run to run,
// signals and resets it, and in the end cancels or terminates it, whether a run works just then or
// waits for its time. What was acknowledged goes into the ledger. Loop-bound to the world's loop.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "sim/caller.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::sim {

namespace api = temporal::api::workflowservice::v1;

class ChainClient : public Caller {
 public:
  ChainClient(Scheduler& scheduler, SimLoop& world, Network& network, Ledger& ledger,
              std::string workflow_id)
      : Caller(scheduler, world, network, ledger), workflow_id_(std::move(workflow_id)) {}

  void Begin();
  bool is_done() const { return is_ended_ && open_waits_ == 0; }
  const std::string& workflow_id() const { return workflow_id_; }

 private:
  ChainRecord& record() { return ledger_.chains[workflow_id_]; }
  api::StartWorkflowExecutionRequest StartRequest();
  void Start();
  // One action after the other, each when the one before was answered.
  void Act();
  void Signal();
  void Describe();
  void Reset();
  void ResetThat(const std::string& run_id);
  void ResetTo(const std::string& run_id, int64_t event_id);
  void End();
  void Cancel();
  void Terminate();
  // Until its last run is closed; terminates it then if a cancellation was in vain.
  void AwaitEnd(int looks);
  void Follow(const std::string& run_id, const std::string& page_token);

  const std::string workflow_id_;
  int actions_left_ = 0;
  int signals_ = 0;
  bool is_cancelled_ = false;  // acknowledged
  bool is_ended_ = false;
  int open_waits_ = 0;  // for the ends of chains of runs: one more with each reset
};

}  // namespace perdure::sim
