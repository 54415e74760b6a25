// Matching wherever it is: each call goes to the node that holds the task queue, its home; polls
// and tasks of a queue of which this process has a partition are tried there first.
#pragma once

#include <memory>

#include "cluster/peers.h"
#include "runtime/runtime.h"
#include "services/cluster.h"
#include "services/matching_service.h"
#include "services/partitions.h"

namespace perdure::cluster {

// Thread-safe. All borrowed; `local` and `partitions` are this process's matching. Drain is this
// process's alone.
std::unique_ptr<services::MatchingService> MakeMatchingRouter(runtime::Loop& loop,
                                                              services::Cluster& cluster,
                                                              Peers& peers,
                                                              services::MatchingService& local,
                                                              services::Partitions& partitions);

}  // namespace perdure::cluster
