// The exceptions of the client. All are perdure::Error (perdure/errors.h).
//
//   RpcError                        the server, or the way to it, answered with an error
//   ├ WorkflowNotFoundError         no such workflow or run (or none that is still open)
//   ├ WorkflowAlreadyStartedError   the id is in use, and the policies do not allow another
//   ├ CallCanceledError             the caller ended the call (Client::with_stop)
//   └ ConnectError                  the server could not be reached when the client connected
//   WorkflowFailedError             a workflow's result is not a value; cause() says why
//   WorkflowContinuedAsNewError     the run went on as another, and following was not asked for
//   QueryFailedError                the workflow's handler threw, or there is none of that name
//   QueryRejectedError              the workflow's status is one in which the query was not wanted
//   UpdateFailedError               the update was rejected or its handler failed; cause() says why
//   PayloadTooLargeError            refused before it was sent: the server would not take it
//   ConfigError                     the environment or temporal.toml cannot be understood
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "perdure/errors.h"

namespace perdure {

// gRPC's codes.
enum class RpcCode {
  ok,
  canceled,
  unknown,
  invalid_argument,
  deadline_exceeded,
  not_found,
  already_exists,
  permission_denied,
  resource_exhausted,
  failed_precondition,
  aborted,
  out_of_range,
  unimplemented,
  internal,
  unavailable,
  data_loss,
  unauthenticated,
};
std::string_view to_string(RpcCode code);

class RpcError : public Error {
 public:
  // `details` are the bytes of google.rpc.Status, or empty.
  RpcError(RpcCode code, std::string_view message, std::string details = {});
  RpcCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& details() const { return details_; }

 protected:
  RpcError(std::string what, RpcCode code, std::string_view message, std::string details);

 private:
  RpcCode code_;
  std::string message_;
  std::string details_;
};

// Not thrown for a CANCELLED of the server's. Whether the server did what was asked is unknown.
class CallCanceledError : public RpcError {
 public:
  explicit CallCanceledError(std::string_view message);
};

class ConnectError : public RpcError {
 public:
  ConnectError(std::string_view target, RpcCode code, std::string_view message);
  const std::string& target() const { return target_; }

 private:
  std::string target_;
};

class WorkflowNotFoundError : public RpcError {
 public:
  WorkflowNotFoundError(std::string_view workflow_id, std::string_view run_id,
                        std::string_view message, std::string details = {});
  const std::string& workflow_id() const { return workflow_id_; }
  const std::string& run_id() const { return run_id_; }

 private:
  std::string workflow_id_, run_id_;
};

class WorkflowAlreadyStartedError : public RpcError {
 public:
  WorkflowAlreadyStartedError(std::string_view workflow_id, std::string_view workflow_type,
                              std::string_view run_id, std::string_view message,
                              std::string details = {});
  const std::string& workflow_id() const { return workflow_id_; }
  const std::string& workflow_type() const { return workflow_type_; }
  // Of the run that has the id.
  const std::string& run_id() const { return run_id_; }

 private:
  std::string workflow_id_, workflow_type_, run_id_;
};

// cause() is why: application, canceled, timeout, terminated ... ; rethrow_cause() throws it as
// ApplicationError, CanceledError, TimeoutError, TerminatedError ... .
class WorkflowFailedError : public FailureError {
 public:
  WorkflowFailedError(std::string_view workflow_id, std::string_view run_id, FailurePtr reason,
                      RetryState retry_state = RetryState::unspecified);
  const std::string& workflow_id() const { return workflow_id_; }
  const std::string& run_id() const { return run_id_; }
  RetryState retry_state() const { return retry_state_; }

 private:
  std::string workflow_id_, run_id_;
  RetryState retry_state_;
};

class WorkflowContinuedAsNewError : public Error {
 public:
  WorkflowContinuedAsNewError(std::string_view workflow_id, std::string_view run_id,
                              std::string_view new_run_id);
  const std::string& new_run_id() const { return new_run_id_; }

 private:
  std::string new_run_id_;
};

class QueryFailedError : public FailureError {
 public:
  explicit QueryFailedError(FailurePtr failure) : FailureError(std::move(failure)) {}
};

// The numbers are the API's.
enum class WorkflowStatus {
  unspecified,
  running,
  completed,
  failed,
  canceled,
  terminated,
  continued_as_new,
  timed_out,
  paused,
};
std::string_view to_string(WorkflowStatus status);

class QueryRejectedError : public Error {
 public:
  explicit QueryRejectedError(WorkflowStatus status);
  WorkflowStatus status() const { return status_; }

 private:
  WorkflowStatus status_;
};

// failure() holds the reason as its cause.
class UpdateFailedError : public FailureError {
 public:
  UpdateFailedError(std::string_view update_id, std::string_view workflow_id, FailurePtr reason);
  const std::string& update_id() const { return update_id_; }

 private:
  std::string update_id_;
};

// The environment or the configuration file makes no options.
class ConfigError : public Error {
  using Error::Error;
};

class PayloadTooLargeError : public Error {
 public:
  // `field` is the path in the request, as in `input`.
  PayloadTooLargeError(std::string_view field, std::int64_t size_bytes, std::int64_t limit_bytes);
  const std::string& field() const { return field_; }
  std::int64_t size_bytes() const { return size_bytes_; }

 private:
  std::string field_;
  std::int64_t size_bytes_;
};

}  // namespace perdure
