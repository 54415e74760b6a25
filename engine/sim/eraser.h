// The client of one workflow id whose runs are deleted: starts one, deletes it, looks whether it
// is gone, and starts the next. What was acknowledged goes into the ledger. Loop-bound to the
// world's loop.
#pragma once

#include <string>
#include <utility>

#include "sim/caller.h"
#include "sim/program.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::sim {

namespace api = temporal::api::workflowservice::v1;

class Eraser : public Caller {
 public:
  Eraser(Scheduler& scheduler, SimLoop& world, Network& network, Ledger& ledger,
         std::string workflow_id)
      : Caller(scheduler, world, network, ledger), workflow_id_(std::move(workflow_id)) {}

  void Begin();
  bool is_done() const { return is_done_; }
  const std::string& workflow_id() const { return workflow_id_; }

 private:
  void Start();
  void Delete(const std::string& run_id);
  void LookAgain(const std::string& run_id);
  void LookInList(const std::string& run_id);
  void GoOn();

  const std::string workflow_id_;
  int lives_left_ = 0;
  bool is_done_ = false;
};

}  // namespace perdure::sim
