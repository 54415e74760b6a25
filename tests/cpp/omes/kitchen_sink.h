// The workflow of omes' scenarios: a program of actions, given as its input, by signals and by
// updates.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "convert.h"
#include "perdure/protobuf.h"
#include "perdure/workflow.h"

namespace omes {

// An action, and with it the message that it is a part of: actions of a concurrent set outlive
// whoever began them when the set ends early.
using ActionPointer = std::shared_ptr<const ks::Action>;
using SetPointer = std::shared_ptr<const ks::ActionSet>;
// Present: the program said what to return.
using Result = std::optional<perdure::Payload>;

class KitchenSink {
 public:
  perdure::task<perdure::Payload> run(ks::WorkflowInput input);
  perdure::task<void> on_signal(ks::DoSignal::DoSignalActions actions);
  perdure::task<perdure::Payload> on_update(ks::DoActionsUpdate update);
  void check_update(const ks::DoActionsUpdate& update) const;
  ks::WorkflowState report_state() const { return state_; }

  using handlers = perdure::define<
      perdure::entry<&KitchenSink::run, "kitchenSink">,
      perdure::signal<&KitchenSink::on_signal, "do_actions_signal", perdure::unfinished::abandon>,
      perdure::update<&KitchenSink::on_update, &KitchenSink::check_update, "do_actions_update",
                      perdure::unfinished::abandon>,
      perdure::query<&KitchenSink::report_state, "report_state">>;

  // With its input, before any signal: which signals are expected is known when they come.
  explicit KitchenSink(const ks::WorkflowInput& input);

 private:
  perdure::task<Result> run_set(SetPointer set);
  struct Concurrent;
  perdure::task<void> run_beside(ActionPointer action, std::shared_ptr<Concurrent> set);
  perdure::task<Result> run_action(ActionPointer action);
  // Actions that neither wait nor return.
  bool run_at_once(const ks::Action& action);
  perdure::task<void> run_child(ActionPointer action);
  perdure::task<Result> run_patched(ActionPointer action);
  perdure::task<void> await_pending();
  perdure::task<void> await_expected_signals();
  // Waits for it, or cancels it, when the choice says. `started`: where something tells when it has
  // started; else a timer stands for that.
  perdure::task<void> follow(perdure::handle<void> handle,
                             std::optional<perdure::handle<std::string>> started,
                             ks::AwaitableChoice choice);

  ks::WorkflowState state_;
  std::deque<SetPointer> to_do_in_main_;
  Result result_;  // What a signal's actions said the workflow should return.
  std::vector<perdure::handle<void>> pending_;
  bool expects_signals_ = false;
  std::set<std::int32_t> missing_signals_;
};

}  // namespace omes
