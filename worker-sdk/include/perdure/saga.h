// Undoing what was done, in reverse, when a later step fails.
//
//   perdure::saga saga;
//   Booking flight = co_await workflow::activity<&book_flight>(trip, {.start_to_close = 1min});
//   saga.undo<&cancel_flight>({.start_to_close = 1min}, flight);
//   ...
//   co_await saga.compensate();        // after a failure: shielded from cancellation
#pragma once

#include <functional>
#include <vector>

#include "perdure/workflow.h"

namespace perdure {

// Loop-bound: belongs to one workflow's code. Not compensated by itself: its destructor runs on
// evictions too.
class saga {
 public:
  // Remembers an activity that undoes a step, with its inputs as they are now.
  template <auto F, class... A>
  void undo(activity_options options, const A&... inputs) {
    using Inputs = detail::activity_inputs<F>;
    static_assert(std::is_constructible_v<Inputs, const A&...>,
                  "these are not the activity's parameters");
    Inputs converted(inputs...);
    detail::ScheduleActivityCommand command = detail::ActivityCommand(detail::name_of<F>, options);
    command.input =
        std::apply([](const auto&... one) { return detail::EncodeInputValues(one...); }, converted);
    steps_.push_back(std::move(command));
  }
  // Undoes all that is remembered, the last first, one after another. A step that fails is logged
  // and does not stop the others; the first failure is thrown at the end.
  task<void> compensate() { return workflow::shield(Run()); }
  // Nothing to undo any more.
  void dismiss() { steps_.clear(); }

 private:
  task<void> Run() {
    std::exception_ptr failure;
    while (!steps_.empty()) {
      detail::ScheduleActivityCommand step = std::move(steps_.back());
      steps_.pop_back();
      const std::string name = step.activity_type;
      std::string problem;
      const handle<void> undoing = detail::CallActivity<void>(std::move(step));
      try {
        co_await undoing;
      } catch (const FailureError& error) {
        problem = error.what();
        if (!failure) failure = std::current_exception();
      }
      if (!problem.empty())
        workflow::log(LogLevel::error, "could not undo with " + name + ": " + problem);
    }
    if (failure) std::rethrow_exception(failure);
  }

  std::vector<detail::ScheduleActivityCommand> steps_;
};

}  // namespace perdure
