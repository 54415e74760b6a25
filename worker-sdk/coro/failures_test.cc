// Failures as exceptions, and exceptions as failures.
#include <gtest/gtest.h>

#include "perdure/errors.h"
#include "perdure/payload.h"
#include "perdure/workflow.h"
#include "worker-sdk/coro/scripted_run.h"

namespace perdure {
namespace {

using namespace std::chrono_literals;

template <class Info>
FailurePtr Make(std::string message, Info info, FailurePtr cause = nullptr) {
  Failure failure;
  failure.message = std::move(message);
  failure.info = std::move(info);
  failure.cause = std::move(cause);
  return std::make_shared<const Failure>(std::move(failure));
}

template <class Error>
bool Throws(const FailurePtr& failure) {
  try {
    throw_failure(failure);
  } catch (const FailureError& error) {
    return typeid(error) == typeid(Error) && error.failure_ptr() == failure;
  }
  return false;
}

TEST(Failures, AreThrownAsTheirTypes) {
  EXPECT_TRUE(Throws<ApplicationError>(Make("m", ApplicationFailureInfo{})));
  EXPECT_TRUE(Throws<CanceledError>(Make("m", CanceledFailureInfo{})));
  EXPECT_TRUE(Throws<TimeoutError>(Make("m", TimeoutFailureInfo{})));
  EXPECT_TRUE(Throws<TerminatedError>(Make("m", TerminatedFailureInfo{})));
  EXPECT_TRUE(Throws<ServerError>(Make("m", ServerFailureInfo{})));
  EXPECT_TRUE(Throws<ActivityError>(Make("m", ActivityFailureInfo{})));
  EXPECT_TRUE(Throws<ChildWorkflowError>(Make("m", ChildWorkflowFailureInfo{})));
  EXPECT_TRUE(Throws<FailureError>(Make("m", ResetWorkflowFailureInfo{})));
  EXPECT_TRUE(Throws<FailureError>(Make("m", OtherFailureInfo{"bytes"})));
  EXPECT_TRUE(Throws<FailureError>(Make("m", std::monostate())));
  EXPECT_THROW(throw_failure(nullptr), FailureError);
}

TEST(Failures, OfExceptionsAreTheirOwnOrNameTheirType) {
  const ApplicationError ours("ours");
  EXPECT_EQ(failure_of(std::make_exception_ptr(ours)), ours.failure_ptr());
  const FailurePtr theirs = failure_of(std::make_exception_ptr(std::out_of_range("far")));
  EXPECT_EQ(theirs->message, "far");
  EXPECT_EQ(std::get<ApplicationFailureInfo>(theirs->info).type, "std::out_of_range");
  const FailurePtr odd = failure_of(std::make_exception_ptr(5));
  EXPECT_EQ(std::get<ApplicationFailureInfo>(odd->info).type, "int");
}

TEST(ApplicationErrors, KeepAllThatTheyAreGiven) {
  const ApplicationError cause("below");
  const ApplicationError error("busy",
                               {.type = "Busy",
                                .non_retryable = true,
                                .next_retry_delay = 30s,
                                .category = FailureCategory::benign},
                               {encode(7)}, cause.failure_ptr());
  EXPECT_STREQ(error.what(), "busy");
  EXPECT_EQ(error.type(), "Busy");
  EXPECT_TRUE(error.non_retryable());
  EXPECT_EQ(error.category(), FailureCategory::benign);
  EXPECT_EQ(error.details().at(0).data, "7");
  EXPECT_EQ(error.cause()->message, "below");
  const auto& info = std::get<ApplicationFailureInfo>(error.failure().info);
  EXPECT_EQ(info.next_retry_delay, 30s);
  EXPECT_FALSE(std::get<ApplicationFailureInfo>(ApplicationError("x").failure().info)
                   .next_retry_delay.has_value());
}

TEST(Causes, AreLookedAtAndThrown) {
  const FailurePtr timeout = Make("late", TimeoutFailureInfo{TimeoutType::heartbeat, {encode(40)}});
  ActivityFailureInfo info;
  info.activity_id = "a-1";
  info.retry_state = RetryState::timeout;
  const ActivityError error(Make("activity error", info, timeout));
  EXPECT_STREQ(error.what(), "activity error: late");
  EXPECT_EQ(error.info().activity_id, "a-1");
  EXPECT_EQ(error.retry_state(), RetryState::timeout);
  EXPECT_EQ(error.cause_as<TimeoutFailureInfo>()->type, TimeoutType::heartbeat);
  EXPECT_EQ(error.cause_as<ApplicationFailureInfo>(), nullptr);
  try {
    error.rethrow_cause();
    FAIL();
  } catch (const TimeoutError& cause) {
    EXPECT_EQ(cause.type(), TimeoutType::heartbeat);
    EXPECT_EQ(cause.last_heartbeat_details().at(0).data, "40");
  }
  ApplicationError("alone").rethrow_cause();
}

TEST(Cancellation, IsOneThroughActivitiesAndChildrenButNotThroughAFailedWorkflow) {
  const FailurePtr canceled = CanceledError("enough").failure_ptr();
  EXPECT_TRUE(is_cancellation(canceled));
  EXPECT_TRUE(is_cancellation(Make("child", ChildWorkflowFailureInfo{},
                                   Make("activity", ActivityFailureInfo{}, canceled))));
  EXPECT_FALSE(is_cancellation(
      Make("child", ChildWorkflowFailureInfo{}, Make("own", ApplicationFailureInfo{}, canceled))));
  EXPECT_FALSE(is_cancellation(Make("late", TimeoutFailureInfo{})));
  EXPECT_FALSE(is_cancellation(FailurePtr()));
}

// ---- Through a workflow ----

struct PassingOn {
  task<void> run() { co_await workflow::child_by_name("Below", {.id = "b"}); }
  using handlers = define<entry<&PassingOn::run>>;
};

// What came encoded, or of a kind that has no meaning here, goes on as it came.
TEST(Failures, GoThroughAWorkflowWhole) {
  Failure below;
  below.message = "Encoded failure";
  below.encoded_attributes = Payload{"binary/encrypted", "secret"};
  below.stack_trace = "at a line";
  below.info = ApplicationFailureInfo{"Below", false, {encode(7)}, 30s, FailureCategory::benign};
  const auto cause = std::make_shared<const Failure>(below);
  auto run = detail::ScriptedRun::Of<PassingOn>();
  run.Start();
  run.Do(detail::ResolveChildStartJob{1, "run", nullptr, false});
  const detail::Completion done = run.Do(detail::ResolveChildJob{
      1, detail::FailedResult{Make("child failed", ChildWorkflowFailureInfo{}, cause)}});
  ASSERT_EQ(Kinds(done), "fail");
  const auto& failure = std::get<detail::FailWorkflowCommand>(done.commands[0]).failure;
  EXPECT_TRUE(std::holds_alternative<ChildWorkflowFailureInfo>(failure->info));
  EXPECT_EQ(failure->cause, cause);
}

}  // namespace
}  // namespace perdure
