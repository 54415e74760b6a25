// Undoing what was done: also where a step cannot be undone, and while all is canceled.
#include "perdure/saga.h"

#include <gtest/gtest.h>

#include "worker-sdk/coro/scripted_run.h"

// Named, for activities that are only declared: GCC wants what is unnamed defined.
namespace perdure::detail::saga_test {

using namespace std::chrono_literals;

int cancel(int n);

struct Trip {
  task<void> run(bool goes_well) {
    saga undo;
    for (int n = 1; n <= 3; ++n) undo.undo<&cancel>({.start_to_close = 1s}, n);
    if (goes_well) undo.dismiss();
    std::exception_ptr failure;
    try {
      co_await workflow::sleep(1h);
    } catch (const CanceledError&) {
      failure = std::current_exception();
    }
    co_await undo.compensate();
    if (failure) std::rethrow_exception(failure);
  }
  using handlers = define<entry<&Trip::run>>;
};

// The input of the one activity that is commanded; empty where there is none.
std::string Undone(const Completion& completion) {
  if (completion.commands.size() != 1) return "";
  const auto* activity = std::get_if<ScheduleActivityCommand>(&completion.commands[0]);
  return activity == nullptr ? "" : activity->activity_type + " " + activity->input.at(0).data;
}
ResolveActivityJob Failed(std::uint32_t seq, const char* why) {
  Failure failure;
  failure.message = "activity error";
  failure.info = ActivityFailureInfo{};
  failure.cause = ApplicationError(why).failure_ptr();
  return {seq, FailedResult{std::make_shared<const Failure>(failure)}, false};
}

TEST(ASaga, UndoesAllThoughTheWorkflowIsCanceled) {
  auto run = ScriptedRun::Of<Trip>();
  run.Start(false);
  const Completion canceled = run.Do(CancelWorkflowJob{"enough"});
  EXPECT_EQ(Kinds(canceled), "cancel-timer activity");
  EXPECT_EQ(Undone(run.Resolve(2, 7)), "cancel 2") << "whatever undoing gives";
  EXPECT_EQ(Undone(run.Resolve(3, 7)), "cancel 1");
  EXPECT_EQ(Kinds(run.Resolve(4, 7)), "cancel");
}

TEST(ASaga, GoesOnBehindAStepThatFailsAndThrowsTheFirstInTheEnd) {
  auto run = ScriptedRun::Of<Trip>();
  run.Start(false);
  run.Fire(1);
  EXPECT_EQ(Undone(run.Do(Failed(2, "third"))), "cancel 2");
  EXPECT_EQ(Undone(run.Do(Failed(3, "second"))), "cancel 1");
  const Completion done = run.Resolve(4, 7);
  ASSERT_EQ(Kinds(done), "fail");
  EXPECT_EQ(std::get<FailWorkflowCommand>(done.commands[0]).failure->cause->message, "third");
  ASSERT_EQ(run.lines().size(), 2u);
  EXPECT_EQ(run.lines()[0], "could not undo with cancel: activity error: third");
}

TEST(ASaga, ThatIsDismissedUndoesNothing) {
  auto run = ScriptedRun::Of<Trip>();
  run.Start(true);
  EXPECT_EQ(Kinds(run.Fire(1)), "complete");
}

}  // namespace perdure::detail::saga_test
