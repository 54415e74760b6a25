// A worker with canned answers: it polls one task queue, on request a sticky queue too, and hands
// each workflow task to a function that says what to answer.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "bench/client.h"

namespace perdure::bench {

class Worker {
 public:
  using Task = api::PollWorkflowTaskQueueResponse;
  using Answer = api::RespondWorkflowTaskCompletedRequest;
  // Fills the answer's commands and messages. What it returns is called when the server has taken
  // it.
  using OnTask = std::function<std::function<void()>(const Task&, Answer&)>;

  struct Options {
    std::string task_queue;
    bool is_sticky = false;
    int64_t workflow_pollers = 0;
    int64_t activity_pollers = 0;
  };

  Worker(Client& client, Options options, OnTask on_task);
  // Not called for an answer that carries the next task: that is handled like a polled one.
  void Begin();

 private:
  void PollWorkflow(const std::string& queue, bool is_sticky);
  void PollActivity();
  void HandleActivity(const api::PollActivityTaskQueueResponse& task);
  void Handle(const Task& task);

  Client& client_;
  const Options options_;
  const OnTask on_task_;
};

// Commands, as an SDK would send them.
void ScheduleActivity(Worker::Answer& answer, const std::string& id, const std::string& task_queue,
                      bool is_eager = false);
void StartTimer(Worker::Answer& answer, const std::string& id, absl::Duration duration);
void CompleteWorkflow(Worker::Answer& answer);

api::StartWorkflowExecutionRequest StartRequest(const std::string& workflow_id,
                                                const std::string& task_queue);

}  // namespace perdure::bench
