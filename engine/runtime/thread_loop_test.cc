#include <gtest/gtest.h>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "runtime/runtime.h"

namespace perdure::runtime {
namespace {

// Waits until woken, and counts how often it was run and woken.
class CountingPump final : public Pump {
 public:
  void Run(absl::Time until) override {
    absl::MutexLock lock(&mutex_);
    ++runs_;
    mutex_.AwaitWithDeadline(absl::Condition(&is_woken_), until);
    is_woken_ = false;
  }
  void Wake() override {
    absl::MutexLock lock(&mutex_);
    is_woken_ = true;
    ++wakes_;
  }
  void AwaitRun() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(+[](int64_t* runs) { return *runs > 0; }, &runs_));
  }
  int64_t wakes() {
    absl::MutexLock lock(&mutex_);
    return wakes_;
  }

 private:
  absl::Mutex mutex_;
  bool is_woken_ = false;
  int64_t runs_ = 0;
  int64_t wakes_ = 0;
};

TEST(ThreadLoop, RunsWhatIsPostedWhileItWaitsInAPump) {
  const auto loop = MakeThreadLoop(1);
  CountingPump pump;
  loop->SetPump(&pump);
  pump.AwaitRun();
  for (int i = 0; i < 1000; ++i) {
    absl::Notification done;
    loop->Post([&] { done.Notify(); });
    done.WaitForNotification();
  }
  loop->SetPump(nullptr);
}

TEST(ThreadLoop, TimersFireWhileItWaitsInAPump) {
  const auto loop = MakeThreadLoop(1);
  CountingPump pump;
  loop->SetPump(&pump);
  pump.AwaitRun();
  absl::Notification late;
  absl::Notification early;
  loop->After(absl::Milliseconds(40), [&] { late.Notify(); });
  loop->After(absl::Milliseconds(1), [&] {
    EXPECT_FALSE(late.HasBeenNotified());
    early.Notify();
  });
  early.WaitForNotification();
  late.WaitForNotification();
  loop->SetPump(nullptr);
}

TEST(ThreadLoop, APumpIsNotUsedOnceItIsTakenAway) {
  const auto loop = MakeThreadLoop(1);
  for (int i = 0; i < 200; ++i) {
    CountingPump pump;
    loop->SetPump(&pump);
    std::atomic<int> ran = 0;
    for (int task = 0; task < 5; ++task) loop->Post([&] { ++ran; });
    loop->SetPump(nullptr);
    absl::Notification done;
    loop->Post([&] { done.Notify(); });
    done.WaitForNotification();
    EXPECT_EQ(ran, 5);
  }
}

TEST(ThreadLoop, WhatItPostsItselfWakesNobody) {
  const auto loop = MakeThreadLoop(1);
  CountingPump pump;
  loop->SetPump(&pump);
  pump.AwaitRun();
  absl::Notification done;
  loop->Post([&] { loop->Post([&] { done.Notify(); }); });
  done.WaitForNotification();
  EXPECT_EQ(pump.wakes(), 1);
  loop->SetPump(nullptr);
}

}  // namespace
}  // namespace perdure::runtime
