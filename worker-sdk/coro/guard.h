// What the optional guard (worker-sdk/guard) and workflow code say to each other.
//
// The guard stands in for functions of the C library that are not deterministic, and asks here, on
// each call, whether it is workflow code that calls. So does the client, whose calls block. Without
// the guard nothing else of this is ever called.
#pragma once

namespace perdure::detail {

// Is the calling thread in workflow code, and not in something of the SDK's that workflow code
// called?
bool IsInWorkflowCode() noexcept;
// Workflow code called `function`; `instead` says what it should do. Fails its workflow task when
// the activation ends.
void FoundInWorkflowCode(const char* function, const char* instead) noexcept;

}  // namespace perdure::detail
