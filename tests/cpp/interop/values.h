// What both languages send each other, and the queues on which their workers are.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "perdure/client.h"
#include "perdure/encryption_codec.h"

namespace interop {

enum class Shade { red, green, dark_blue };

struct Item {
  std::string name;
  int count = 0;
};

// One member for each form that JSON gives a type; values_test.py has the dataclass.
struct Everything {
  std::string text;
  std::int64_t large = 0;
  double real = 0;
  bool is_set = false;
  Item nested;
  std::vector<Item> items;
  std::map<std::string, int> counts;
  std::optional<int> some;
  std::optional<int> none;
  Shade shade = Shade::red;
  perdure::Timestamp at{};
};

// Changes each member in a way that shows that it was understood.
inline Everything changed(Everything value) {
  value.text += " ☃ C++";
  value.large += 1;
  value.real *= 2;
  value.is_set = !value.is_set;
  value.nested.count += 1;
  value.items.push_back({"from C++", 3});
  value.counts["c++"] = 20;
  if (value.some) *value.some += 1;
  value.shade = Shade::dark_blue;
  value.at += std::chrono::milliseconds(1500);
  return value;
}

// A failure as a text with all of its causes: type(message; details; !)<-...
inline std::string chain_of(const perdure::Failure* failure) {
  std::string text;
  for (; failure != nullptr; failure = failure->cause.get()) {
    if (!text.empty()) text += " <- ";
    const auto* info = std::get_if<perdure::ApplicationFailureInfo>(&failure->info);
    if (info == nullptr) {
      text += failure->message;
      continue;
    }
    text += info->type + "(" + failure->message;
    for (const perdure::Payload& detail : info->details) text += "; " + detail.data;
    text += info->non_retryable ? "; final)" : ")";
  }
  return text;
}

// The error that C++ fails with wherever a test asks for one.
inline perdure::ApplicationError planned_error() {
  perdure::Failure cause{.message = "the deeper cause"};
  cause.info = perdure::ApplicationFailureInfo{.type = "Deep"};
  return perdure::ApplicationError("planned in C++", {.type = "Planned", .non_retryable = true},
                                   {perdure::encode(Item{"detail", 7}), perdure::encode("second")},
                                   std::make_shared<const perdure::Failure>(std::move(cause)));
}

// INTEROP_KEY: 32 bytes with which all payloads are encrypted.
inline perdure::Client connect() {
  perdure::ClientOptions options = perdure::ClientOptions::from_environment();
  const char* key = std::getenv("INTEROP_KEY");
  if (key != nullptr) {
    options.codecs.push_back(std::make_shared<perdure::EncryptionCodec>("test-key", key));
  }
  return perdure::Client::connect(std::move(options));
}

}  // namespace interop
