// A worker process: polls workflow and activity tasks, runs programs with a sticky cache of
// histories, and misbehaves as told. Loop-bound to the world's loop.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sim/ledger.h"
#include "sim/network.h"
#include "sim/replay.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::sim {

namespace api = temporal::api::workflowservice::v1;

struct WorkerFaults {
  double task_dropped_chance = 0;      // a workflow task is never answered
  double task_failed_chance = 0;       // … is answered with a failure
  double activity_dropped_chance = 0;  // an attempt is never answered
  double activity_late_chance = 0;     // … is answered after its timeout
};

class Worker : public std::enable_shared_from_this<Worker> {
 public:
  Worker(Scheduler& scheduler, SimLoop& world, Network& network, Ledger& ledger, std::string name);

  void Begin();
  // The process is gone, with all it was doing.
  void Kill();
  void SetFaults(WorkerFaults faults) { faults_ = faults; }

 private:
  struct CachedRun {
    std::vector<HistoryEvent> events;
    Entries log;  // with what its last task accepted
    bool is_completing = false;
  };
  // The last of one task; 0 if none.
  struct Upserts {
    int64_t attribute = 0;
    int64_t memo = 0;
  };
  // One workflow task under way.
  struct Task {
    api::PollWorkflowTaskQueueResponse poll;
    std::vector<HistoryEvent> events;
    std::string page_token;
  };

  template <class Request, class Response>
  void Call(const char* method, const Request& request, absl::Duration timeout,
            absl::AnyInvocable<void(absl::StatusOr<Response>) &&> done);
  // Until the server says something definite, or the worker's patience ends.
  template <class Request, class Response>
  void CallUntilAnswered(const char* method, const Request& request, int tries,
                         absl::AnyInvocable<void(absl::StatusOr<Response>) &&> done);
  void Later(absl::Duration delay, runtime::Task task);

  void PollWorkflow(bool sticky);
  void PollActivity();
  void OnTask(api::PollWorkflowTaskQueueResponse poll);
  void FetchFrom(std::shared_ptr<Task> task);
  void OnHistory(std::shared_ptr<Task> task);
  void CheckQueryHistory(const api::PollWorkflowTaskQueueResponse& poll);
  void AnswerQuery(const Task& task, const Replay& replay);
  Entries LogInMemory(const std::string& run_id, const Replay& replay) const;
  void Complete(const Task& task, const Replay& replay);
  static Upserts UpsertsOf(const std::vector<Command>& commands);
  // What a task upserted is shown by any server once it is acknowledged.
  void LookForUpserts(const temporal::api::common::v1::WorkflowExecution& execution,
                      const Upserts& upserts);
  void CheckUpserts(const temporal::api::workflow::v1::WorkflowExecutionInfo& info,
                    const Upserts& upserts, const std::string& where);
  void OnCompleted(const std::string& run_id, api::RespondWorkflowTaskCompletedResponse response);

  void OnActivity(api::PollActivityTaskQueueResponse poll);
  void Heartbeat(std::shared_ptr<api::PollActivityTaskQueueResponse> poll, int64_t times,
                 bool waits_for_cancel);
  void EndActivity(const api::PollActivityTaskQueueResponse& poll);

  SimLoop& world_;
  Network& network_;
  Ledger& ledger_;
  const std::string name_;
  const std::string sticky_queue_;
  base::Random random_;
  WorkerFaults faults_;
  bool is_dead_ = false;
  int server_ = 0;
  std::set<uint64_t> calls_;
  std::map<std::string, CachedRun> cache_;  // by run id
};

}  // namespace perdure::sim
