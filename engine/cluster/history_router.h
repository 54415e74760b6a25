// History wherever it is: each call goes to the node that owns the workflow's shard, and follows it
// when it moves.
#pragma once

#include <memory>

#include "cluster/peers.h"
#include "runtime/runtime.h"
#include "services/cluster.h"
#include "services/history_service.h"

namespace perdure::cluster {

// Thread-safe. All borrowed; `local` is this process's history. ReclaimNamespace and Drain are this
// process's alone.
std::unique_ptr<services::HistoryService> MakeHistoryRouter(runtime::Loop& loop,
                                                            services::Cluster& cluster,
                                                            Peers& peers,
                                                            services::HistoryService& local);

}  // namespace perdure::cluster
