// The client of one workflow id in a namespace with a short retention: starts runs that no worker
// works on, looks that they stay while they are open and young, terminates them and waits until
// they are gone, sometimes resetting one that is about to go. Loop-bound to the world's loop.
#pragma once

#include <string>
#include <utility>

#include "sim/caller.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::sim {

namespace api = temporal::api::workflowservice::v1;

class RetentionClient : public Caller {
 public:
  RetentionClient(Scheduler& scheduler, SimLoop& world, Network& network, Ledger& ledger,
                  std::string workflow_id)
      : Caller(scheduler, world, network, ledger), workflow_id_(std::move(workflow_id)) {}

  void Begin();
  bool is_done() const { return is_done_; }
  const std::string& workflow_id() const { return workflow_id_; }

 private:
  // A call in the namespace, again while its server does not know the namespace yet.
  template <class Request, class Response>
  void CallHere(const char* method, Request request,
                absl::AnyInvocable<void(absl::StatusOr<Response>) &&> done);
  template <class Request, class Response>
  void SendHere(const char* method, const Request& request,
                absl::AnyInvocable<void(absl::StatusOr<Response>) &&> done);
  void Start();
  void Keep(const std::string& run_id, int looks);
  void Terminate(const std::string& run_id);
  // Until nobody knows the run any more. `next_run_id`: what it was reset to, perhaps.
  void AwaitGone(const std::string& run_id, const std::string& next_run_id);
  void LookInList(const std::string& run_id, const std::string& next_run_id);
  void Reset(const std::string& run_id);
  void Gone(const std::string& run_id, const std::string& next_run_id);
  void LookAgain(const std::string& run_id, const std::string& next_run_id, int looks);
  void GoOn(const std::string& next_run_id);
  bool IsYoung() const;

  const std::string workflow_id_;
  int lives_left_ = 0;
  absl::Time termination_sent_;
  bool is_done_ = false;
};

}  // namespace perdure::sim
