// The client of one root workflow: starts it, signals, updates and queries it, perhaps cancels or
// terminates it, and waits for its end. Every request is repeated with the same request id until
// something definite is said; what was promised goes into the ledger. Loop-bound to the world's
// loop.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "sim/ledger.h"
#include "sim/network.h"
#include "sim/program.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::sim {

namespace api = temporal::api::workflowservice::v1;

class Client : public std::enable_shared_from_this<Client> {
 public:
  Client(Scheduler& scheduler, SimLoop& world, Network& network, Ledger& ledger,
         std::string workflow_id, uint64_t seed);

  void Begin();
  bool is_done() const { return is_closed_ && open_requests_ == 0; }
  const std::string& workflow_id() const { return workflow_id_; }
  std::string Describe() const;

 private:
  // Until something definite is said; `passing` answers are counted. Each try goes to another
  // server.
  template <class Request, class Response>
  void CallUntilAnswered(const char* method, const Request& request, absl::Duration timeout,
                         absl::AnyInvocable<void(absl::StatusOr<Response>) &&> done);

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
  void PauseAndUnpause();
  void Unpause();
  void WaitForClose(const std::string& run_id, const std::string& page_token);

  SimLoop& world_;
  Network& network_;
  Ledger& ledger_;
  const std::string workflow_id_;
  const uint64_t seed_;
  base::Random random_;
  const std::string request_id_;
  int server_ = 0;
  int64_t try_began_ = 0;  // of the last try of what is answered
  std::map<std::string, int64_t> updates_began_;
  int open_requests_ = 0;
  bool is_closed_ = false;
};

}  // namespace perdure::sim
