// An activity that is a coroutine, on the loop that looks after its attempt.
//
// Loop-bound but for Post. Keeps itself alive from Start until its coroutine ended, which it does
// at the latest some time after the attempt was cancelled: each wait ends then.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "perdure/activity.h"
#include "worker-sdk/client/transport.h"

namespace perdure::worker {

class CoroutineRun final : public detail::ActivityLoop,
                           public std::enable_shared_from_this<CoroutineRun> {
 public:
  using Work = task<std::optional<Payload>>;

  using Around = absl::AnyInvocable<void(absl::FunctionRef<void()>)>;

  // `keeps` owns the context; `around` stands around each piece of the coroutine that runs.
  CoroutineRun(client::Transport* transport, client::Executor* executor, activity_context* context,
               std::shared_ptr<void> keeps, Around around)
      : ActivityLoop(context),
        transport_(transport),
        executor_(executor),
        keeps_(std::move(keeps)),
        around_(std::move(around)) {}

  // Runs it until it first waits. `ended` comes once, on the loop, perhaps from inside this: with
  // what gives its result or throws.
  void Start(Work work, absl::AnyInvocable<void(Work&)> ended);

  void Post(std::coroutine_handle<> frame) override;
  std::unique_ptr<Timer> PostAfter(std::chrono::nanoseconds delay,
                                   std::function<void()> then) override;
  std::shared_ptr<detail::ActivityLoop> Share(bool is_elsewhere) override;

 private:
  void GoOn(std::coroutine_handle<> frame);

  client::Transport* const transport_;
  client::Executor* const executor_;
  const std::shared_ptr<void> keeps_;  // With the worker.
  Around around_;
  std::optional<Work> work_;
  absl::AnyInvocable<void(Work&)> ended_;
  std::shared_ptr<CoroutineRun> self_;
};

}  // namespace perdure::worker
