#include "worker-sdk/coro/shown.h"

#include <algorithm>
#include <map>

#include "perdure/detail/version.h"
#include "perdure/json.h"

namespace perdure::detail {
namespace {

// Wrappers of the SDK's own say nothing to users.
bool IsOurs(std::string_view file) {
  return file.find("coro/inst") != file.npos || file.find("include/perdure/") != file.npos;
}

void WriteDefinitions(json::Writer* to, std::string_view key,
                      const std::vector<const Handler*>& handlers, HandlerKind kind) {
  const auto is_kind = [kind](const Handler* one) { return one->kind == kind; };
  if (std::none_of(handlers.begin(), handlers.end(), is_kind)) return;
  to->key(key);
  to->begin('[');
  for (const Handler* one : handlers) {
    if (!is_kind(one)) continue;
    to->begin('{');
    to->key("name");
    to->string(one->name);
    if (!one->description.empty()) {
      to->key("description");
      to->string(one->description);
    }
    to->end('}');
  }
  to->end(']');
}

// The fields of temporal.api.sdk.v1, by their names in JSON.
struct Sdk {
  std::string name, version;
};
struct Location {
  std::string filePath;
  std::uint32_t line = 0, column = 0;
  std::string functionName;
  bool internalCode = false;
};
struct Stack {
  std::vector<Location> locations;
};
struct Trace {
  Sdk sdk;
  std::vector<Stack> stacks;
};

}  // namespace

Payload Metadata(const std::vector<const Handler*>& handlers, std::string_view type,
                 std::string_view current_details) {
  Payload payload;
  payload.encoding = "json/protobuf";
  payload.metadata = {{"messageType", "temporal.api.sdk.v1.WorkflowMetadata"}};
  json::Writer to(&payload.data);
  to.begin('{');
  to.key("definition");
  to.begin('{');
  to.key("type");
  to.string(type);
  WriteDefinitions(&to, "queryDefinitions", handlers, HandlerKind::query);
  WriteDefinitions(&to, "signalDefinitions", handlers, HandlerKind::signal);
  WriteDefinitions(&to, "updateDefinitions", handlers, HandlerKind::update);
  to.end('}');
  if (!current_details.empty()) {
    to.key("currentDetails");
    to.string(current_details);
  }
  to.end('}');
  return payload;
}

std::string StackText(const std::vector<WaitingStack>& stacks) {
  std::string text;
  for (const WaitingStack& stack : stacks) {
    std::string lines;
    for (const std::source_location& where : stack) {
      if (IsOurs(where.file_name())) continue;
      lines = "  at " + std::string(where.function_name()) + " (" + where.file_name() + ":" +
              std::to_string(where.line()) + ")\n" + lines;
    }
    if (!lines.empty()) text += "waiting:\n" + lines;
  }
  return text;
}

Payload EnhancedStacks(const std::vector<WaitingStack>& stacks) {
  Trace trace;
  trace.sdk = {std::string(kSdkName), std::string(kSdkVersion)};
  for (const WaitingStack& stack : stacks) {
    Stack& shown = trace.stacks.emplace_back();
    // The innermost first, as the text has it.
    for (auto where = stack.rbegin(); where != stack.rend(); ++where) {
      shown.locations.push_back({where->file_name(), where->line(), where->column(),
                                 where->function_name(), IsOurs(where->file_name())});
    }
  }
  Payload payload;
  payload.encoding = "json/protobuf";
  payload.metadata = {{"messageType", "temporal.api.sdk.v1.EnhancedStackTrace"}};
  json::Writer to(&payload.data);
  json::write(to, trace);
  return payload;
}

}  // namespace perdure::detail
