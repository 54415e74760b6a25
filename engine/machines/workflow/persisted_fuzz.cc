// Fuzz target: rows of a run that something has damaged are refused, or load as some state; they
// crash nothing, then or when the state is written again.
//
// The bytes are a snapshot and records, each behind two bytes of length.
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "machines/workflow/load.h"

namespace {

std::string Take(absl::string_view& rest) {
  if (rest.size() < 2) {
    rest = {};
    return "";
  }
  const size_t length = (static_cast<uint8_t>(rest[0]) << 8) | static_cast<uint8_t>(rest[1]);
  rest.remove_prefix(2);
  const std::string taken(rest.substr(0, length));
  rest.remove_prefix(taken.size());
  return taken;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  absl::string_view rest(reinterpret_cast<const char*>(data), size);
  perdure::machines::State state;
  if (const std::string snapshot = Take(rest); !snapshot.empty()) {
    auto loaded = perdure::machines::LoadSnapshot(snapshot);
    if (!loaded.ok()) return 0;
    state = *std::move(loaded);
  }
  while (!rest.empty()) {
    const auto record = perdure::machines::LoadRecord(state, Take(rest));
    if (!record.ok()) return 0;
  }
  (void)state.NextDeadline();
  (void)state.ToSnapshot().SerializeAsString();
  return 0;
}
