#include "perdure/errors.h"

#include "perdure/codec.h"
#include "perdure/failure_converter.h"

#include <cxxabi.h>

#include <typeinfo>

namespace perdure {
namespace {

FailurePtr Make(std::string_view message, auto info, FailurePtr cause = nullptr) {
  Failure failure;
  failure.message = std::string(message);
  failure.source = "PerdureCpp";
  failure.cause = std::move(cause);
  failure.info = std::move(info);
  return std::make_shared<const Failure>(std::move(failure));
}

ApplicationFailureInfo ApplicationInfo(const ApplicationErrorOptions& options, Payloads details) {
  ApplicationFailureInfo info;
  info.type = std::string(options.type);
  info.non_retryable = options.non_retryable;
  info.details = std::move(details);
  if (options.next_retry_delay.count() >= 0) info.next_retry_delay = options.next_retry_delay;
  info.category = options.category;
  return info;
}

std::string TypeName(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free);
  return status == 0 ? name.get() : type.name();
}

std::string MessageOf(const FailurePtr& failure) {
  if (!failure) return "failed without a reason";
  std::string text = failure->message;
  // These wrappers' own messages say little: "activity error".
  const bool is_wrapper = std::holds_alternative<ActivityFailureInfo>(failure->info) ||
                          std::holds_alternative<ChildWorkflowFailureInfo>(failure->info);
  if (failure->cause && is_wrapper) text += ": " + MessageOf(failure->cause);
  return text;
}

// The info of a kind that the exception's constructor promises; an empty one where somebody made it
// of another.
template <class Info>
const Info& InfoOf(const Failure& failure) {
  static const Info* const kNone = std::make_unique<Info>().release();
  const Info* info = std::get_if<Info>(&failure.info);
  return info == nullptr ? *kNone : *info;
}

// Throws the exception that fits the kind of failure.
struct Thrower {
  FailurePtr failure;
  std::shared_ptr<FailureConverter> of_causes;
  template <class E>
  [[noreturn]] void Throw() {
    E error(std::move(failure));
    error.convert_causes_with(std::move(of_causes));
    throw error;
  }
  [[noreturn]] void operator()(const ApplicationFailureInfo&) { Throw<ApplicationError>(); }
  [[noreturn]] void operator()(const CanceledFailureInfo&) { Throw<CanceledError>(); }
  [[noreturn]] void operator()(const TimeoutFailureInfo&) { Throw<TimeoutError>(); }
  [[noreturn]] void operator()(const TerminatedFailureInfo&) { Throw<TerminatedError>(); }
  [[noreturn]] void operator()(const ServerFailureInfo&) { Throw<ServerError>(); }
  [[noreturn]] void operator()(const ActivityFailureInfo&) { Throw<ActivityError>(); }
  [[noreturn]] void operator()(const ChildWorkflowFailureInfo&) { Throw<ChildWorkflowError>(); }
  [[noreturn]] void operator()(const ResetWorkflowFailureInfo&) { Throw<FailureError>(); }
  [[noreturn]] void operator()(const OtherFailureInfo&) { Throw<FailureError>(); }
  [[noreturn]] void operator()(std::monostate) { Throw<FailureError>(); }
};

}  // namespace

FailureError::FailureError(FailurePtr failure)
    : Error(MessageOf(failure)),
      failure_(failure ? std::move(failure) : Make("failed without a reason", std::monostate())) {}

void FailureError::rethrow_cause() const {
  if (failure_->cause) std::rethrow_exception(detail::ToException(converter_, failure_->cause));
}

ApplicationError::ApplicationError(std::string_view message, ApplicationErrorOptions options)
    : FailureError(Make(message, ApplicationInfo(options, {}))) {}
ApplicationError::ApplicationError(std::string_view message, ApplicationErrorOptions options,
                                   Payloads details, FailurePtr cause)
    : FailureError(Make(message, ApplicationInfo(options, std::move(details)), std::move(cause))) {}
const std::string& ApplicationError::type() const {
  return InfoOf<ApplicationFailureInfo>(failure()).type;
}
bool ApplicationError::non_retryable() const {
  return InfoOf<ApplicationFailureInfo>(failure()).non_retryable;
}
const Payloads& ApplicationError::details() const {
  return InfoOf<ApplicationFailureInfo>(failure()).details;
}
FailureCategory ApplicationError::category() const {
  return InfoOf<ApplicationFailureInfo>(failure()).category;
}

CanceledError::CanceledError(std::string_view message, Payloads details)
    : FailureError(Make(message, CanceledFailureInfo{std::move(details), {}})) {}
const Payloads& CanceledError::details() const {
  return InfoOf<CanceledFailureInfo>(failure()).details;
}

TimeoutError::TimeoutError(std::string_view message, TimeoutType type)
    : FailureError(Make(message, TimeoutFailureInfo{type, {}})) {}
TimeoutType TimeoutError::type() const { return InfoOf<TimeoutFailureInfo>(failure()).type; }
const Payloads& TimeoutError::last_heartbeat_details() const {
  return InfoOf<TimeoutFailureInfo>(failure()).last_heartbeat_details;
}

const ActivityFailureInfo& ActivityError::info() const {
  return InfoOf<ActivityFailureInfo>(failure());
}
const ChildWorkflowFailureInfo& ChildWorkflowError::info() const {
  return InfoOf<ChildWorkflowFailureInfo>(failure());
}

DecodeError::DecodeError(std::string path, std::string_view problem)
    : Error("cannot convert " + path + ": " + std::string(problem)), path_(std::move(path)) {}
DecodeError::DecodeError(std::string_view where, const DecodeError& error)
    : Error(std::string(where) + ": " + error.what()), path_(error.path_) {}

void detail::throw_argument_error(const DecodeError& error, std::size_t index,
                                  std::string_view callee) {
  throw DecodeError("argument " + std::to_string(index + 1) + " of " + std::string(callee), error);
}

bool is_cancellation(const FailurePtr& failure) {
  for (const Failure* one = failure.get(); one != nullptr; one = one->cause.get()) {
    if (std::holds_alternative<CanceledFailureInfo>(one->info)) return true;
    // A workflow that failed because something in it was canceled did fail.
    if (std::holds_alternative<ApplicationFailureInfo>(one->info)) return false;
  }
  return false;
}

void throw_failure(FailurePtr failure, std::shared_ptr<FailureConverter> of_causes) {
  if (!failure) throw FailureError(nullptr);
  const FailurePtr held = failure;
  std::visit(Thrower{std::move(failure), std::move(of_causes)}, held->info);
  std::terminate();
}

FailurePtr failure_of(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const FailureError& e) {
    return e.failure_ptr();
  } catch (const std::exception& e) {
    return Make(e.what(), ApplicationFailureInfo{TypeName(typeid(e)), false, {}, {}, {}});
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    return Make(
        "something was thrown that is no std::exception",
        ApplicationFailureInfo{type == nullptr ? "unknown" : TypeName(*type), false, {}, {}, {}});
  }
}

FailurePtr FailureConverter::to_failure(const std::exception_ptr& exception) {
  return failure_of(exception);
}

std::exception_ptr FailureConverter::to_exception(const FailurePtr& failure) {
  try {
    throw_failure(failure, weak_from_this().lock());
  } catch (...) {
    return std::current_exception();
  }
}

FailurePtr detail::ToFailure(const std::shared_ptr<FailureConverter>& converter,
                             const std::exception_ptr& exception) {
  if (converter == nullptr) return failure_of(exception);
  try {
    FailurePtr failure = converter->to_failure(exception);
    return failure ? std::move(failure) : failure_of(exception);
  } catch (...) {
    return failure_of(std::current_exception());
  }
}

std::exception_ptr detail::ToException(const std::shared_ptr<FailureConverter>& converter,
                                       const FailurePtr& failure) {
  try {
    std::exception_ptr exception = converter ? converter->to_exception(failure) : nullptr;
    if (!exception) throw_failure(failure, converter);
    return exception;
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace perdure
