// How exceptions become failures, which travel, and failures exceptions again.
//
//   struct OutOfStock : std::runtime_error { int left; ... };
//
//   class ShopFailures : public perdure::FailureConverter {
//     perdure::FailurePtr to_failure(const std::exception_ptr& exception) override {
//       try {
//         std::rethrow_exception(exception);
//       } catch (const OutOfStock& e) {
//         return perdure::ApplicationError(e.what(), {.type = "OutOfStock"},
//                                          {perdure::encode(e.left)}).failure_ptr();
//       } catch (...) {
//         return FailureConverter::to_failure(exception);
//       }
//     }
//     std::exception_ptr to_exception(const perdure::FailurePtr& failure) override {
//       const auto* info = std::get_if<perdure::ApplicationFailureInfo>(&failure->info);
//       if (info == nullptr || info->type != "OutOfStock")
//         return FailureConverter::to_exception(failure);
//       return std::make_exception_ptr(OutOfStock(perdure::decode<int>(info->details.at(0))));
//     }
//   };
//
// Given in ClientOptions::failure_converter, to the client and its workers, and in the options of
// the test environment and of a Replayer. What it makes may still be hidden from the server
// (ClientOptions::encode_failure_attributes).
#pragma once

#include <exception>
#include <memory>

#include "perdure/failure.h"

namespace perdure {

// The default: each method does what there is to do without a converter, for others to fall back
// on. Thread-safe. Workflow code's failures are converted as a part of that code: the same each
// time. What a method throws takes the place of what it was to convert.
class FailureConverter : public std::enable_shared_from_this<FailureConverter> {
 public:
  virtual ~FailureConverter() = default;
  // What left a workflow, a handler or an activity, or what an activity is failed with from
  // outside. As failure_of(). Whether it fails a workflow or the workflow task is decided by the
  // exception: a FailureError, or a failure type in WorkerOptions::workflow_failure_types.
  virtual FailurePtr to_failure(const std::exception_ptr& exception);
  // What is thrown where workflow code waits for what failed, and by rethrow_cause() for a cause.
  // As throw_failure().
  virtual std::exception_ptr to_exception(const FailurePtr& failure);
};

namespace detail {
// By the converter, or without one as it would by default.
FailurePtr ToFailure(const std::shared_ptr<FailureConverter>& converter,
                     const std::exception_ptr& exception);
std::exception_ptr ToException(const std::shared_ptr<FailureConverter>& converter,
                               const FailurePtr& failure);
}  // namespace detail
}  // namespace perdure
