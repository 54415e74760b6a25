// The exceptions of the SDK.
//
//   Error                      everything this SDK throws
//   ├ FailureError             something of the server's world did not succeed; carries a Failure
//   │ ├ ApplicationError       what an activity, a workflow or a handler throws on purpose
//   │ ├ CanceledError          it was canceled; of an activity or a child that ran, the cause
//   │ ├ TimeoutError           it took too long
//   │ ├ TerminatedError        its workflow was terminated
//   │ ├ ServerError            the server gave up on it
//   │ ├ ActivityError          an activity did not succeed; cause() says why
//   │ └ ChildWorkflowError     a child workflow did not succeed; cause() says why
//   ├ DecodeError              a payload is not what the code expects; path() says where
//   ├ WorkflowContextError     workflow:: was used outside a workflow, or where nothing may be
//   commanded └ NondeterminismError      workflow code left the way that its history says it went
// The client's own (RpcError, WorkflowFailedError, ...) stand in perdure/client_errors.h.
//
// Thrown out of a workflow's main function, a FailureError fails the workflow (CanceledError
// cancels it, if it was asked to); any other exception fails the workflow task, which the server
// repeats until the code is mended. Thrown out of an activity, any exception becomes a failure of
// the activity.
#pragma once

#include <exception>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "perdure/failure.h"

namespace perdure {

class FailureConverter;

class Error : public std::exception {
 public:
  explicit Error(std::string message)
      : message_(std::make_shared<const std::string>(std::move(message))) {}
  const char* what() const noexcept override { return message_->c_str(); }

 private:
  std::shared_ptr<const std::string>
      message_;  // Shared by copies: copying an exception must not throw.
};

class FailureError : public Error {
 public:
  explicit FailureError(FailurePtr failure);
  const Failure& failure() const { return *failure_; }
  const FailurePtr& failure_ptr() const { return failure_; }
  // What led to this one; null for none. `cause_as<TimeoutFailureInfo>()` looks at the direct cause
  // only.
  const Failure* cause() const { return failure_->cause.get(); }
  template <class Info>
  const Info* cause_as() const {
    return cause() ? std::get_if<Info>(&cause()->info) : nullptr;
  }
  // Throws the cause as its own type of exception; does nothing without one.
  void rethrow_cause() const;
  // Inside of the SDK: what makes exceptions of causes. Null: throw_failure().
  void convert_causes_with(std::shared_ptr<FailureConverter> converter) {
    converter_ = std::move(converter);
  }

 private:
  FailurePtr failure_;
  std::shared_ptr<FailureConverter> converter_;  // Shared with the client, and whoever gave it.
};

// The fields of ApplicationError that are rarely all given. Not an aggregate of strings on purpose:
// GCC 12 destroys such temporaries twice in expressions with co_await.
struct ApplicationErrorOptions {
  std::string_view type{};
  bool non_retryable = false;
  std::chrono::nanoseconds next_retry_delay{-1};  // Below zero: as the retry policy says.
  FailureCategory category = FailureCategory::unspecified;
};

class ApplicationError : public FailureError {
 public:
  explicit ApplicationError(std::string_view message, ApplicationErrorOptions options = {});
  // With details, made with perdure::encode(value).
  ApplicationError(std::string_view message, ApplicationErrorOptions options, Payloads details,
                   FailurePtr cause = nullptr);
  explicit ApplicationError(FailurePtr failure) : FailureError(std::move(failure)) {}
  const std::string& type() const;
  bool non_retryable() const;
  const Payloads& details() const;
  FailureCategory category() const;
};

class CanceledError : public FailureError {
 public:
  explicit CanceledError(std::string_view message = "canceled", Payloads details = {});
  explicit CanceledError(FailurePtr failure) : FailureError(std::move(failure)) {}
  const Payloads& details() const;
};

class TimeoutError : public FailureError {
 public:
  explicit TimeoutError(std::string_view message, TimeoutType type = TimeoutType::unspecified);
  explicit TimeoutError(FailurePtr failure) : FailureError(std::move(failure)) {}
  TimeoutType type() const;
  const Payloads& last_heartbeat_details() const;
};

class TerminatedError : public FailureError {
  using FailureError::FailureError;
};

class ServerError : public FailureError {
  using FailureError::FailureError;
};

class ActivityError : public FailureError {
 public:
  using FailureError::FailureError;
  const ActivityFailureInfo& info() const;
  RetryState retry_state() const { return info().retry_state; }
};

class ChildWorkflowError : public FailureError {
 public:
  using FailureError::FailureError;
  const ChildWorkflowFailureInfo& info() const;
  RetryState retry_state() const { return info().retry_state; }
};

class DecodeError : public Error {
 public:
  DecodeError(std::string path, std::string_view problem);
  // The same, said of what stands before: "argument 2 of charge".
  DecodeError(std::string_view where, const DecodeError& error);
  // Where in the value, as in `$.lines[2].price`; `$` is the whole.
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class WorkflowContextError : public Error {
  using Error::Error;
};

class NondeterminismError : public Error {
  using Error::Error;
};

// Is this failure, or something that caused it, a cancellation?
bool is_cancellation(const FailurePtr& failure);
inline bool is_cancellation(const FailureError& error) {
  return is_cancellation(error.failure_ptr());
}

// Throws the exception whose type fits the failure. Null throws a FailureError that says so.
[[noreturn]] void throw_failure(FailurePtr failure,
                                std::shared_ptr<FailureConverter> of_causes = nullptr);
// The failure that stands for an exception: a FailureError's own, and for any other an
// ApplicationFailureInfo whose type is the exception's C++ type.
FailurePtr failure_of(const std::exception_ptr& exception);

}  // namespace perdure
