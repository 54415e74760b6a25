// Replays histories against today's code: does it still do what it did when they were recorded?
//
//   TEST(Order, StillFitsWhatProductionRan) {
//     perdure::Replayer replayer;
//     replayer.workflow<Order>();
//     const perdure::ReplayResult result = replayer.replay(perdure::History::from_json("o-1",
//     text)); EXPECT_TRUE(result.ok) << result.message;
//   }
//
// No server is needed. Histories come from WorkflowHandle::fetch_history(), or from
// `temporal workflow show -w ID -o json` (`perdure workflow show` prints the same). Activities are
// not run: their results stand in the history. Loop-bound.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "perdure/define.h"
#include "perdure/history.h"

namespace perdure {

class ContextPropagator;
class FailureConverter;
class WorkerInterceptor;

struct ReplayerOptions {
  std::string namespace_ = "default";
  // Of the types that fail a workflow instead of its task, as in WorkerOptions.
  std::vector<std::string> workflow_failure_types = {};
  // Also replays each part of the history that ends in a workflow task, as a worker does that takes
  // the run over there. Costs the square of the history's length.
  bool at_every_task = false;
  // As in WorkerOptions: those of workflows are part of their code.
  std::vector<std::shared_ptr<WorkerInterceptor>> interceptors = {};
  // As in WorkerOptions: code may go by what travels along.
  std::vector<std::shared_ptr<ContextPropagator>> context_propagators = {};
  // As in ClientOptions: what is thrown where code waits is its work.
  std::shared_ptr<FailureConverter> failure_converter = {};
};

struct ReplayResult {
  std::string workflow_id;
  bool ok = true;
  // The code left its history; message shows where, both sides. False with `ok` false: the history
  // cannot be read, no such workflow is registered, or the code threw what fails a task.
  bool is_nondeterminism = false;
  std::string message;
};

class Replayer {
 public:
  explicit Replayer(ReplayerOptions options = {});

  template <class W>
  Replayer& workflow() {
    definitions_.push_back(detail::definition_of<W>());
    return *this;
  }
  template <class W>
  Replayer& dynamic_workflow() {
    definitions_.push_back(detail::definition_of<W>());
    definitions_.back().type.clear();
    return *this;
  }

  ReplayResult replay(const History& history) const;
  // All of them, also behind one that fails.
  std::vector<ReplayResult> replay(const std::vector<History>& histories) const;

 private:
  const ReplayerOptions options_;
  detail::ProgramOptions program_options_;
  std::vector<detail::WorkflowDefinition> definitions_;
};

}  // namespace perdure
