// What workflow code starts and the server (or the worker) resolves: the border between the typed
// API and the run.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "perdure/codec.h"
#include "perdure/detail/activation.h"
#include "perdure/detail/frame.h"

namespace perdure::detail {

enum class OperationKind : std::uint8_t {
  timer,
  activity,
  local_activity,
  child,
  signal_external,
  cancel_external
};

// The untyped half of something under way. Kept alive by the run until it is resolved.
class Operation : public Cancellable {
 public:
  virtual StateBase& state() = 0;
  // Turns the value into the state's; throws DecodeError.
  virtual void Accept(const std::optional<Payload>& value) = 0;
  void OnCancel() override;

 protected:
  ~Operation() = default;
  // Whatever its scope does.
  void CancelAlone();

 private:
  friend class Instance;
  std::uint32_t seq_ = 0;
  OperationKind kind_ = OperationKind::timer;
  bool is_cancel_sent_ = false;
  // Local activities only: to schedule it again after a long backoff (R42).
  std::unique_ptr<ScheduleLocalActivityCommand> again_;
  // Children only.
  Ref<State<std::string>> started_;
};

template <class T>
class OperationState final : public State<T>, public Operation {
 public:
  StateBase& state() override { return *this; }
  void Accept(const std::optional<Payload>& value) override {
    if constexpr (std::is_void_v<T>) {
      static_cast<void>(value);
    } else {
      this->value.emplace(decode_result<T>(value));
    }
  }
  void RequestCancel() override {
    if (!this->is_ready) CancelAlone();
  }
};

// Each starts an operation in the current scope, or fails it at once where the scope is canceled.
// They throw WorkflowContextError outside of workflow code and where nothing may be commanded
// (queries, validators).
void StartTimer(OperationState<void>& operation, Nanos delay, std::string_view summary);
void StartActivity(StateBase& state, Operation& operation, ScheduleActivityCommand command);
void StartLocalActivity(StateBase& state, Operation& operation,
                        ScheduleLocalActivityCommand command);
// Gives the child's workflow id, which an interceptor may have changed.
std::string StartChild(StateBase& state, Operation& operation, Ref<State<std::string>> started,
                       StartChildCommand command);
void SignalExternal(OperationState<void>& operation, SignalExternalCommand command);
void CancelExternal(OperationState<void>& operation, RequestCancelExternalCommand command);

}  // namespace perdure::detail
