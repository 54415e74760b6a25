// Interceptors in front of the server's calls.
#pragma once

#include <memory>
#include <vector>

#include "perdure/client_calls.h"

namespace perdure::client {

// The first interceptor sees a call first. Without any, `server` itself.
std::shared_ptr<ClientCalls> Intercepted(
    std::shared_ptr<ClientCalls> server,
    const std::vector<std::shared_ptr<ClientInterceptor>>& interceptors);

}  // namespace perdure::client
