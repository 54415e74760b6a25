// Finds every payload and every failure in a message of the API.
//
// Thread-safe. What a type of message may hold is worked out once, when the first of its kind
// comes; a walk then touches only fields that can lead to a payload.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "temporal/api/common/v1/message.pb.h"
#include "temporal/api/failure/v1/message.pb.h"

namespace perdure::client {

using PayloadList = google::protobuf::RepeatedPtrField<temporal::api::common::v1::Payload>;

struct PayloadVisit {
  // A list of arguments or results, or one payload alone: then one must be left. `field` names
  // where it stands.
  absl::FunctionRef<absl::Status(PayloadList*, const std::string& field)> on_payloads;
  // Before and after a failure's own payloads and its cause are visited.
  absl::FunctionRef<void(temporal::api::failure::v1::Failure*)> before_failure;
  absl::FunctionRef<void(temporal::api::failure::v1::Failure*)> after_failure;
};

class PayloadVisitor {
 public:
  PayloadVisitor();
  ~PayloadVisitor();

  // Everything but search attributes and headers. Updates, which travel packed in protocol
  // messages, too. Ends with the first error.
  absl::Status Visit(google::protobuf::Message* message, const PayloadVisit& visit);

 private:
  struct Plan;
  class Walk;

  const Plan* PlanOf(const google::protobuf::Descriptor* type);
  const Plan* Build(const google::protobuf::Descriptor* type);

  std::mutex mutex_;
  // Null where nothing in the type leads to a payload. Never removed: plans point to each other.
  std::unordered_map<const google::protobuf::Descriptor*, std::unique_ptr<Plan>> plans_;
};

}  // namespace perdure::client
