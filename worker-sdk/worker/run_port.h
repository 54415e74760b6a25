// A run as the workflow worker uses it; core::Run in programs, a script in tests. Loop-bound.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "temporal/api/history/v1/message.pb.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"
#include "worker-sdk/core/task.h"

namespace perdure::worker {

class RunPort {
 public:
  virtual ~RunPort() = default;
  virtual bool Continues(
      const temporal::api::workflowservice::v1::PollWorkflowTaskQueueResponse& task) const = 0;
  virtual core::Step StartTask(
      temporal::api::workflowservice::v1::PollWorkflowTaskQueueResponse task) = 0;
  virtual core::Step AddHistory(temporal::api::history::v1::History page,
                                std::string next_page_token) = 0;
  virtual core::Step ResolveLocalActivity(core::LocalActivityOutcome outcome) = 0;
  virtual core::Step HeartbeatDue() = 0;
  virtual void TaskAccepted(
      const temporal::api::workflowservice::v1::RespondWorkflowTaskCompletedResponse& response) = 0;
  virtual bool is_closed() const = 0;
  virtual std::int64_t memory_bytes() const = 0;
};

// Makes what holds a run that is not cached.
using RunFactory = std::function<std::unique_ptr<RunPort>()>;

}  // namespace perdure::worker
