// Messages of omes' protocol as the SDK's public API takes them.
#pragma once

#include <array>
#include <chrono>
#include <string>
#include <utility>

#include "kitchen_sink.pb.h"
#include "perdure/options.h"
#include "perdure/payload.h"

namespace omes {

namespace ks = temporal::omes::kitchen_sink;
namespace common = temporal::api::common::v1;

std::chrono::nanoseconds to_nanoseconds(const google::protobuf::Duration& duration);
perdure::Payload to_payload(const common::Payload& payload);
common::Payload from_payload(const perdure::Payload& payload);
template <class Map>
perdure::PayloadMap to_payload_map(const Map& map) {
  perdure::PayloadMap result;
  for (const auto& [key, value] : map) result.emplace(key, to_payload(value));
  return result;
}

// The names in it are borrowed from `policy`. Throws ApplicationError for more names than an option
// can hold.
perdure::retry_policy to_retry(const common::RetryPolicy& policy);

// Calls f(payload...) with as many arguments as there are; throws ApplicationError for more than
// four. The SDK's calls by name take a pack.
[[noreturn]] void refuse(std::string what);
template <class Payloads, class F>
auto with_arguments(const Payloads& payloads, F f) {
  const auto at = [&payloads](int i) { return to_payload(payloads.Get(i)); };
  switch (payloads.size()) {
    case 0:
      return f();
    case 1:
      return f(at(0));
    case 2:
      return f(at(0), at(1));
    case 3:
      return f(at(0), at(1), at(2));
    case 4:
      return f(at(0), at(1), at(2), at(3));
    default:
      refuse("more than four arguments");
  }
}

}  // namespace omes
