#include "bench/cpp/workflows.h"

namespace perdure::bench {

using namespace std::chrono_literals;

int Charge(int amount) { return amount + 1; }
task<int> ChargeInCoroutine(int amount) { co_return Charge(amount); }

task<int> Order::run(int amount) {
  co_return co_await workflow::activity<&Charge>(amount, {.start_to_close = 60s});
}

task<int> Waiting::run(std::string customer) {
  customer_ = customer;
  const int shipped = co_await Ship(customer);
  co_return shipped;
}

task<int> Waiting::Ship(std::string customer) {
  const handle<void> reminder = workflow::timer(720h);
  const handle<int> charged = workflow::activity_by_name<int>(
      "Elsewhere", {.start_to_close = 720h, .task_queue = "no-worker-there"}, customer);
  co_await Approval();
  co_await reminder;
  const int amount = co_await charged;
  co_return amount;
}

task<void> Waiting::Approval() {
  co_await workflow::until([this] { return is_approved_; });
}

task<int> Timers::run(int count) {
  for (int i = 0; i < count; ++i) co_await workflow::sleep(1s);
  co_return count;
}

}  // namespace perdure::bench
