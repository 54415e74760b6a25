// Matching wherever it is: each call goes to the node that holds the task queue.
#pragma once

#include <memory>

#include "cluster/peers.h"
#include "runtime/runtime.h"
#include "services/cluster.h"
#include "services/matching_service.h"

namespace perdure::cluster {

// Thread-safe. All borrowed; `local` is this process's matching. Drain is this process's alone.
std::unique_ptr<services::MatchingService> MakeMatchingRouter(runtime::Loop& loop,
                                                              services::Cluster& cluster,
                                                              Peers& peers,
                                                              services::MatchingService& local);

}  // namespace perdure::cluster
