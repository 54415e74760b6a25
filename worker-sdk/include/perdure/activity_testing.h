// Calling an activity in a test: with a context, without a worker and a server.
//
//   perdure::testing::ActivityEnvironment env;
//   env.info().attempt = 2;
//   env.set_heartbeat_details(40);                     // What the attempt before reported.
//   EXPECT_EQ(env.run([](auto& context) { return import_rows(context, "file.csv"); }), 100);
//   EXPECT_EQ(env.heartbeat<int>(0), 41);
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "perdure/activity.h"

namespace perdure::testing {

// One attempt at a time runs in it. `cancel` and what reads the heartbeats are for any thread; the
// rest is used before and after a run.
class ActivityEnvironment : private detail::ActivityHost {
 public:
  ActivityEnvironment() {
    info_.activity_id = "test";
    info_.activity_type = "test";
    info_.task_queue = "test";
    info_.task_token = "test-token";
    info_.namespace_ = "default";
    info_.workflow_id = "test-workflow";
    info_.workflow_run_id = "test-run";
    info_.workflow_type = "test";
  }
  // What the activity will see; change it before run().
  ActivityInfo& info() { return info_; }
  template <class... T>
  void set_heartbeat_details(const T&... details) {
    info_.heartbeat_details.clear();
    (info_.heartbeat_details.push_back(perdure::encode(details)), ...);
  }
  // Called with each heartbeat, on the activity's thread; it may cancel.
  void on_heartbeat(std::function<void(const Payloads&)> callback) {
    callback_ = std::move(callback);
  }

  // Calls function(context) on this thread, with activity::context() set, and gives on what it
  // returns or throws. A coroutine is run to its end, in real time.
  template <class Function>
  auto run(Function&& function) {
    activity_context context(info_, this);
    const Running running(this, &context);
    const detail::ActivityScope scope(&context);
    using Result = decltype(function(context));
    if constexpr (detail::unwrapped<Result>::is_task) {
      return detail::RunHere(context, std::forward<Function>(function)(context));
    } else {
      return std::forward<Function>(function)(context);
    }
  }
  // Of the attempt that runs, or, where none does, of the next one from its beginning.
  void cancel(CancelReason reason = CancelReason::cancel_requested) {
    const std::lock_guard lock(mutex_);
    if (context_ != nullptr) {
      context_->request_cancel(reason);
    } else {
      pending_cancel_ = reason;
    }
  }

  std::size_t heartbeat_count() const {
    const std::lock_guard lock(mutex_);
    return heartbeats_.size();
  }
  // The first detail of a heartbeat. Throws DecodeError, and std::out_of_range.
  template <class T>
  T heartbeat(std::size_t index) const {
    const std::lock_guard lock(mutex_);
    return perdure::decode<T>(heartbeats_.at(index).at(0));
  }
  // Did the last run call complete_later()?
  bool is_completed_later() const { return is_completed_later_; }
  const std::vector<std::string>& log() const { return log_; }

 private:
  class Running {
   public:
    Running(ActivityEnvironment* env, activity_context* context) : env_(env), context_(context) {
      const std::lock_guard lock(env_->mutex_);
      env_->context_ = context;
      if (const CancelReason reason = std::exchange(env_->pending_cancel_, CancelReason::none);
          reason != CancelReason::none) {
        context->request_cancel(reason);
      }
    }
    ~Running() {
      const std::lock_guard lock(env_->mutex_);
      env_->context_ = nullptr;
      env_->is_completed_later_ = context_->is_completed_later();
    }

   private:
    ActivityEnvironment* env_;
    activity_context* context_;
  };

  void Heartbeat(Payloads details) override {
    {
      const std::lock_guard lock(mutex_);
      heartbeats_.push_back(details);
    }
    if (callback_) callback_(details);
  }
  void Log(LogLevel, std::string_view text) override {
    const std::lock_guard lock(mutex_);
    log_.emplace_back(text);
  }

  ActivityInfo info_;
  std::function<void(const Payloads&)> callback_;
  mutable std::mutex mutex_;
  activity_context* context_ = nullptr;
  CancelReason pending_cancel_ = CancelReason::none;
  std::vector<Payloads> heartbeats_;
  std::vector<std::string> log_;
  bool is_completed_later_ = false;
};

}  // namespace perdure::testing
