// The two things that meet on a task queue: a worker's long poll and something to do.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "runtime/runtime.h"
#include "services/matching_service.h"

namespace perdure::matching {

namespace api = temporal::api::workflowservice::v1;

// Moves between the queue, where it waits, and a hand-out under way. Its reply is called once.
struct Poll {
  // Order of arrival, among the polls and the tasks of all queues.
  uint64_t sequence = 0;
  services::NamespacePtr name_space;
  services::Poller poller;
  std::string worker_instance_key;
  std::optional<double> tasks_per_second_max;
  temporal::api::common::v1::WorkerVersionCapabilities version_capabilities;
  bool has_version_capabilities = false;
  temporal::api::deployment::v1::WorkerDeploymentOptions deployment;
  bool has_deployment = false;
  absl::Time since;
  absl::Time until;                                      // answered empty then
  std::shared_ptr<services::Cancellation> cancellation;  // may be null
  runtime::TimerId timer = 0;                            // set while it waits
  std::variant<services::Reply<api::PollWorkflowTaskQueueResponse>,
               services::Reply<api::PollActivityTaskQueueResponse>>
      reply;

  bool IsCancelled() const { return cancellation != nullptr && cancellation->IsCancelled(); }
  // "No task": what a poll that met nothing gets.
  void AnswerEmpty() {
    if (auto* workflow = std::get_if<0>(&reply)) {
      std::move (*workflow)(api::PollWorkflowTaskQueueResponse());
    } else {
      std::move (*std::get_if<1>(&reply))(api::PollActivityTaskQueueResponse());
    }
  }
  void Refuse(const absl::Status& status) {
    if (auto* workflow = std::get_if<0>(&reply)) {
      std::move (*workflow)(status);
    } else {
      std::move (*std::get_if<1>(&reply))(status);
    }
  }
};

// A query waits at most until its caller's deadline, and is answered through the table of queries
// by its id: on a queue it is only that id.
struct QueryReference {
  std::string id;
};

struct Task {
  uint64_t sequence = 0;
  int priority = 3;  // 1 first, 5 last
  absl::Time added;
  std::variant<services::WorkflowTask, services::ActivityTask, QueryReference> work;
  // Whether the queue's host knows that it waits.
  bool is_held = false;

  bool IsQuery() const { return std::holds_alternative<QueryReference>(work); }
};

}  // namespace perdure::matching
