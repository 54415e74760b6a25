// The C++ side's workflows and activities.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "perdure/activity.h"
#include "perdure/protobuf.h"
#include "perdure/search_attributes.h"
#include "perdure/workflow.h"
#include "temporal/api/common/v1/message.pb.h"
#include "values.h"

namespace interop {

using namespace std::chrono_literals;
namespace workflow = perdure::workflow;

// ---- Activities

inline Everything cpp_change(Everything value) { return changed(std::move(value)); }
inline std::vector<std::byte> cpp_bytes(std::vector<std::byte> bytes) {
  bytes.push_back(std::byte{0xff});
  return bytes;
}
inline void cpp_nothing() {}
inline std::optional<std::string> cpp_maybe(std::optional<std::string> text) {
  if (!text) return "was null";
  return std::nullopt;
}
// A message that both languages have.
using Message = temporal::api::common::v1::WorkflowExecution;
inline Message cpp_message(Message message) {
  message.set_workflow_id(message.workflow_id() + " ☃");
  return message;
}
inline std::string cpp_add(std::string text, int number, double real) {
  return text + std::to_string(number) + (real == 0.5 ? " half" : " ?");
}
inline void cpp_fail() { throw planned_error(); }
// Waits for its cancellation.
inline std::string cpp_wait(perdure::activity_context& context) {
  context.heartbeat("waiting");
  while (true) {
    context.sleep_for(50ms);
    context.heartbeat("waiting");
  }
}

// ---- Workflows

// What Python's activities make of C++'s values.
struct CppCallsPython {
  perdure::task<Everything> run(std::string queue, Everything value) {
    const Everything after = co_await workflow::activity_by_name<Everything>(
        "py_change", {.start_to_close = 10s, .task_queue = queue}, value);
    const std::vector<std::byte> bytes{std::byte{0}, std::byte{0xfe}};
    const auto more = co_await workflow::activity_by_name<std::vector<std::byte>>(
        "py_bytes", {.start_to_close = 10s, .task_queue = queue}, bytes);
    check(more.size() == 3 && more[2] == std::byte{0xff}, "bytes");
    co_await workflow::activity_by_name<void>("py_nothing",
                                              {.start_to_close = 10s, .task_queue = queue});
    const std::optional<std::string> nothing;
    const auto was = co_await workflow::activity_by_name<std::optional<std::string>>(
        "py_maybe", {.start_to_close = 10s, .task_queue = queue}, nothing);
    check(was == "was null", "null to Python");
    const auto none = co_await workflow::activity_by_name<std::optional<std::string>>(
        "py_maybe", {.start_to_close = 10s, .task_queue = queue}, was);
    check(!none, "null from Python");
    Message message;
    message.set_workflow_id("ü");
    message.set_run_id("r");
    const Message answer = co_await workflow::activity_by_name<Message>(
        "py_message", {.start_to_close = 10s, .task_queue = queue}, message);
    check(answer.workflow_id() == "ü ☃" && answer.run_id() == "r", "a message");
    co_return after;
  }
  static void check(bool is_right, std::string_view what) {
    if (!is_right) throw perdure::ApplicationError(what, {.type = "Wrong"});
  }
  using handlers = perdure::define<perdure::entry<&CppCallsPython::run>>;
};

// The failure of Python's activity, as C++ sees it; and the end of one that is canceled.
struct CppSeesPythonFail {
  perdure::task<std::vector<std::string>> run(std::string queue) {
    std::vector<std::string> seen;
    try {
      co_await workflow::activity_by_name<void>("py_fail",
                                                {.start_to_close = 10s, .task_queue = queue});
    } catch (const perdure::ActivityError& error) {
      seen.push_back(chain_of(error.cause()));
      seen.push_back(error.retry_state() == perdure::RetryState::non_retryable_failure ? "final"
                                                                                       : "?");
    }
    auto waits = workflow::activity_by_name<std::string>(
        "py_wait", {.start_to_close = 60s,
                    .heartbeat = 5s,
                    .cancellation = perdure::activity_cancellation::wait_completed,
                    .task_queue = queue});
    co_await workflow::sleep(300ms);
    waits.cancel();
    try {
      co_await waits;
    } catch (const perdure::ActivityError& error) {
      seen.push_back(perdure::is_cancellation(error.failure_ptr()) ? "canceled" : "?");
    }
    co_return seen;
  }
  using handlers = perdure::define<perdure::entry<&CppSeesPythonFail::run>>;
};

// A child of the other language: signaled, failing, canceled.
struct CppParent {
  perdure::task<std::vector<std::string>> run(std::string queue, std::string child_type) {
    std::vector<std::string> seen;
    auto child = workflow::child_by_name<std::string>(child_type, {.task_queue = queue}, "well");
    co_await child.started();
    co_await child.signal_by_name("poke", 4);
    co_await workflow::external(child.id()).signal_by_name("poke", 5);
    seen.push_back(co_await child);
    try {
      co_await workflow::child_by_name<std::string>(child_type, {.task_queue = queue}, "fail");
    } catch (const perdure::ChildWorkflowError& error) {
      seen.push_back(error.info().workflow_type + ": " + chain_of(error.cause()));
    }
    auto canceled = workflow::child_by_name<std::string>(child_type, {.task_queue = queue}, "well");
    co_await canceled.started();
    canceled.cancel();
    try {
      co_await canceled;
    } catch (const perdure::ChildWorkflowError& error) {
      seen.push_back(perdure::is_cancellation(error.failure_ptr()) ? "canceled" : "?");
    }
    co_return seen;
  }
  using handlers = perdure::define<perdure::entry<&CppParent::run>>;
};

struct CppChild {
  perdure::task<std::string> run(std::string how) {
    if (how == "fail") throw planned_error();
    co_await workflow::until([this] { return pokes_.size() == 2; });
    co_return "C++ got " + std::to_string(pokes_[0]) + " and " + std::to_string(pokes_[1]);
  }
  void poke(int number) { pokes_.push_back(number); }
  using handlers =
      perdure::define<perdure::entry<&CppChild::run>, perdure::signal<&CppChild::poke>>;

 private:
  std::vector<int> pokes_;
};

// Everything that a client does to a workflow.
struct CppDesk {
  perdure::task<Everything> run(Everything value) {
    value_ = value;
    try {
      co_await workflow::until([this] { return is_closed_ || is_failing_; });
    } catch (const perdure::CanceledError&) {
      is_tidy_ = true;
    }
    if (is_tidy_) {
      co_await workflow::shield(sweep());
      throw perdure::CanceledError("tidied up", {perdure::encode("swept")});
    }
    if (is_failing_) throw planned_error();
    co_return changed(value_);
  }
  perdure::task<void> sweep() { co_await workflow::sleep(10ms); }
  void add(std::string name, int count) { value_.items.push_back({name, count}); }
  void close() { is_closed_ = true; }
  void fail() { is_failing_ = true; }
  Everything value() const { return value_; }
  std::string broken(std::string why) const {
    throw perdure::ApplicationError("no answer: " + why, {.type = "Broken"});
  }
  perdure::task<int> put(Item item) {
    co_await workflow::sleep(10ms);
    if (item.name == "bad") throw planned_error();
    value_.items.push_back(item);
    co_return static_cast<int>(value_.items.size());
  }
  void check_put(const Item& item) const {
    if (item.count < 0) {
      throw perdure::ApplicationError("negative", {.type = "Refused"}, {perdure::encode(item)});
    }
  }
  using handlers =
      perdure::define<perdure::entry<&CppDesk::run>, perdure::signal<&CppDesk::add>,
                      perdure::signal<&CppDesk::close>, perdure::signal<&CppDesk::fail>,
                      perdure::query<&CppDesk::value>, perdure::query<&CppDesk::broken>,
                      perdure::update<&CppDesk::put, &CppDesk::check_put>>;

 private:
  Everything value_;
  bool is_closed_ = false, is_failing_ = false, is_tidy_ = false;
};

inline const perdure::search_key<std::string> kColor{"Color"};
inline const perdure::search_key<std::int64_t> kSize{"Size"};

// Memo, search attributes and headers that another language gave, and new ones.
struct CppShown {
  perdure::task<std::vector<std::string>> run() {
    std::vector<std::string> seen;
    seen.push_back(workflow::search_attribute(kColor).value_or("no color"));
    seen.push_back(std::to_string(workflow::search_attribute(kSize).value_or(-1)));
    const std::optional<Item> note = workflow::memo<Item>("note");
    seen.push_back(note ? note->name : "no memo");
    const auto header = workflow::info().headers.find("trace");
    seen.push_back(header == workflow::info().headers.end() ? "no header" : header->second.data);
    workflow::upsert({kColor.set("blue"), kSize.unset()});
    workflow::upsert_memo("answer", Item{"memo from C++", 42});
    co_await workflow::sleep(10ms);
    co_return seen;
  }
  using handlers = perdure::define<perdure::entry<&CppShown::run>>;
};

}  // namespace interop
