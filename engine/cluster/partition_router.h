// The way from a split task queue's home to the partitions on other nodes.
#pragma once

#include <memory>

#include "cluster/peers.h"
#include "runtime/runtime.h"
#include "services/partitions.h"

namespace perdure::cluster {

// Thread-safe. All borrowed.
std::unique_ptr<services::PartitionPeers> MakePartitionRouter(runtime::Loop& loop,
                                                              services::Cluster& cluster,
                                                              Peers& peers);

}  // namespace perdure::cluster
