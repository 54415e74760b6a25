// GoogleMock matchers for what workflows throw and for histories.
//
//   EXPECT_THAT([&] { order.result(); }, FailsWith("Declined"));               // the type of an
//   ApplicationError EXPECT_THAT([&] { order.result(); }, FailsWith("Declined", HasSubstr("no
//   money"))); EXPECT_THAT([&] { order.result(); }, IsCanceled());
//   EXPECT_THAT(order.fetch_history(), HasEvents("TimerStarted", 2));
#pragma once

#include <gmock/gmock.h>

#include <exception>
#include <string>

#include "perdure/client_errors.h"
#include "perdure/errors.h"
#include "perdure/history.h"

namespace perdure::testing {

namespace detail {

// What calling it throws; null if nothing.
template <class F>
std::exception_ptr ThrownBy(F& call) {
  try {
    call();
    return nullptr;
  } catch (...) {
    return std::current_exception();
  }
}
// The first application failure in the chain of causes; null if there is none.
inline const Failure* ApplicationFailureOf(const FailurePtr& failure) {
  for (const Failure* one = failure.get(); one != nullptr; one = one->cause.get()) {
    if (std::holds_alternative<ApplicationFailureInfo>(one->info)) return one;
  }
  return nullptr;
}
// The events of this type ("TimerStarted" or EVENT_TYPE_TIMER_STARTED).
inline int CountEvents(const History& history, const std::string& type) {
  std::string name = type;
  if (name.rfind("EVENT_TYPE_", 0) != 0) {
    name = "EVENT_TYPE";
    for (const char c : type) {
      if (c >= 'A' && c <= 'Z') name += '_';
      name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
  }
  const std::string json = history.to_json();
  int count = 0;
  for (auto at = json.find('"' + name + '"'); at != std::string::npos;
       at = json.find('"' + name + '"', at + 1))
    ++count;
  return count;
}

}  // namespace detail

// A call that throws a failure whose cause, or cause of a cause, is an ApplicationError of this
// type.
MATCHER_P2(FailsWith, type, message,
           "fails with an ApplicationError of type \"" + std::string(type) + "\"") {
  auto call = arg;
  const std::exception_ptr thrown = detail::ThrownBy(call);
  if (thrown == nullptr) {
    *result_listener << "which throws nothing";
    return false;
  }
  const FailurePtr failure = failure_of(thrown);
  const Failure* application = detail::ApplicationFailureOf(failure);
  if (application == nullptr) {
    *result_listener << "which throws \"" << failure->message << "\"";
    return false;
  }
  const std::string& found = std::get<ApplicationFailureInfo>(application->info).type;
  if (found != type) *result_listener << "whose type is \"" << found << "\"";
  return found == type &&
         ::testing::ExplainMatchResult(message, application->message, result_listener);
}
inline auto FailsWith(std::string type) { return FailsWith(std::move(type), ::testing::_); }

MATCHER(IsCanceled, "is canceled") {
  auto call = arg;
  const std::exception_ptr thrown = detail::ThrownBy(call);
  return thrown != nullptr && is_cancellation(failure_of(thrown));
}

// A History with exactly so many events of a type.
MATCHER_P2(HasEvents, type, count,
           "has " + ::testing::PrintToString(count) + " " + std::string(type) + " events") {
  const int found = detail::CountEvents(arg, type);
  *result_listener << "which has " << found;
  return found == count;
}

}  // namespace perdure::testing
