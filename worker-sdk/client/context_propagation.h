// What travels along, on the client's side: an interceptor that adds headers.
#pragma once

#include <memory>
#include <vector>

#include "perdure/client_calls.h"
#include "perdure/context_propagator.h"

namespace perdure::client {

// The propagators' headers, before any interceptor sees the call.
std::vector<std::shared_ptr<ClientInterceptor>> WithPropagation(
    std::vector<std::shared_ptr<ClientInterceptor>> interceptors,
    std::vector<std::shared_ptr<ContextPropagator>> propagators);

}  // namespace perdure::client
