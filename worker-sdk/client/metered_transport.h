// Counts and times every attempt of every call on its way through another transport.
#pragma once

#include <memory>
#include <string>

#include "perdure/metrics.h"
#include "worker-sdk/client/transport.h"

namespace perdure::client {

// Calls that may take longer than this are long polls to the metrics: how long they take says
// little.
inline constexpr Nanos kLongRequestTimeout = std::chrono::seconds(30);

std::unique_ptr<Transport> Metered(std::unique_ptr<Transport> transport, std::string namespace_name,
                                   std::shared_ptr<MetricsSink> metrics);

}  // namespace perdure::client
