// One attempt of an activity, between the loop that looks after it and the thread that runs its
// function.
//
// Shared by the two: the loop may forget it (a local activity whose run is gone) while the function
// still runs. Members say which side calls them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "perdure/activity.h"
#include "perdure/worker_options.h"
#include "worker-sdk/worker/host.h"
#include "worker-sdk/worker/registry.h"

namespace perdure::worker {

struct ActivityResult {
  enum class Kind { completed, failed, canceled, later };
  Kind kind = Kind::completed;
  std::optional<Payload> value;
  FailurePtr failure;
};

class ActivityAttempt : public detail::ActivityHost,
                        public std::enable_shared_from_this<ActivityAttempt> {
 public:
  using OnHeartbeat = absl::AnyInvocable<void(Payloads)>;
  using OnDone = absl::AnyInvocable<void(ActivityResult)>;

  ActivityAttempt(const Host* host, client::Executor* loop, ActivityInfo info, Payloads input);

  // Loop: runs the function on a thread of the transport, or the coroutine here; the callbacks come
  // on the loop, `done` last and once, unless Detach came first. `definition` and `options` outlive
  // the run.
  void Run(const detail::ActivityDefinition* definition, const WorkerOptions* options,
           OnHeartbeat heartbeat, OnDone done);
  // Loop: no callback comes any more. The function goes on.
  void Detach();
  // Loop: as Detach, but `done` is still told of the end.
  void Redirect(OnDone done);
  // Loop: what was reported and not handed to OnHeartbeat yet.
  std::optional<Payloads> TakeHeartbeat();
  void Cancel(CancelReason reason) { context_.request_cancel(reason); }
  const ActivityInfo& info() const { return context_.info(); }

  // The function's thread.
  void Heartbeat(Payloads details) override;
  void Log(LogLevel level, std::string_view text) override;
  MetricsSink* Metrics() override { return host_->metrics.get(); }

 private:
  class Propagated;
  void RunCoroutine();
  // The function's thread, or the coroutine's loop.
  ActivityResult ResultOf(absl::AnyInvocable<std::optional<Payload>()> run);
  std::optional<Payload> CallFunction();
  // The coroutine, and interceptors before it; or interceptors before the function.
  task<std::optional<Payload>> Chain();
  void Done(ActivityResult result);
  void Deliver();

  const Host* host_;
  client::Executor* loop_;
  activity_context context_;
  Payloads input_;
  const detail::ActivityDefinition* definition_ = nullptr;
  const WorkerOptions* options_ = nullptr;
  OnHeartbeat on_heartbeat_;
  OnDone on_done_;
  absl::Mutex mutex_;
  std::optional<Payloads> latest_ ABSL_GUARDED_BY(mutex_);
  bool is_posted_ ABSL_GUARDED_BY(mutex_) = false;
};

// The failure of an activity whose type nobody has registered.
FailurePtr UnknownActivity(std::string_view type, const ActivityRegistry& registry);

}  // namespace perdure::worker
