// What a run shows of itself: answers to queries that every workflow has.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "perdure/detail/handlers.h"

namespace perdure::detail {

// temporal.api.sdk.v1.WorkflowMetadata, which user interfaces ask for.
Payload Metadata(const std::vector<const Handler*>& handlers, std::string_view type,
                 std::string_view current_details);

// Where coroutines wait, outermost first: a stack for each spawned one and the main function.
using WaitingStack = std::vector<std::source_location>;
std::string StackText(const std::vector<WaitingStack>& stacks);
// temporal.api.sdk.v1.EnhancedStackTrace.
Payload EnhancedStacks(const std::vector<WaitingStack>& stacks);

}  // namespace perdure::detail
