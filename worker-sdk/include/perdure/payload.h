// A value on the wire: how it is encoded, and its bytes.
//
// Everything that crosses the border of a workflow, an activity or a client (inputs, results,
// details, memo, headers) is a payload. Programs see payloads only where they ask for them: dynamic
// handlers, codecs, interceptors. perdure/codec.h turns values into payloads and back.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace perdure {

using Timestamp = std::chrono::sys_time<std::chrono::nanoseconds>;

struct Payload {
  // The metadata entry "encoding": json/plain, json/protobuf, binary/protobuf, binary/plain,
  // binary/null.
  std::string encoding;
  std::string data;
  // The other metadata entries, sorted by key.
  std::vector<std::pair<std::string, std::string>> metadata = {};

  bool operator==(const Payload&) const = default;
};

using Payloads = std::vector<Payload>;
// Ordered, so that what is made of them is the same bytes each time.
using PayloadMap = std::map<std::string, Payload, std::less<>>;

}  // namespace perdure
