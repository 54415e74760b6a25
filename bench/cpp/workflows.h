// The workflows that are measured, as a user writes them.
#pragma once

#include <string>

#include "perdure/workflow.h"

namespace perdure::bench {

int Charge(int amount);
task<int> ChargeInCoroutine(int amount);

// One activity.
struct Order {
  task<int> run(int amount);
  using handlers = define<entry<&Order::run>>;
};

// Three frames deep, with a timer, an activity and a condition pending; one workflow task.
struct Waiting {
  task<int> run(std::string customer);
  void approve() { is_approved_ = true; }
  using handlers = define<entry<&Waiting::run>, signal<&Waiting::approve>>;

 private:
  task<int> Ship(std::string customer);
  task<void> Approval();

  bool is_approved_ = false;
  std::string customer_;
};

// `count` timers, one after the other.
struct Timers {
  task<int> run(int count);
  using handlers = define<entry<&Timers::run>>;
};

}  // namespace perdure::bench
