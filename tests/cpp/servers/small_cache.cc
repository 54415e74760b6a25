// An example whose worker keeps as few runs as CACHE_RUNS says: EXAMPLE is the file.
#include <cstdlib>

#include "perdure/client.h"
#include "perdure/saga.h"
#include "perdure/schedule.h"
#include "perdure/worker.h"
#include "perdure/workflow.h"

namespace perdure {

class SmallCacheWorker : public Worker {
 public:
  SmallCacheWorker(const Client& client, WorkerOptions options)
      : Worker(client, Small(std::move(options))) {}

 private:
  static WorkerOptions Small(WorkerOptions options) {
    const char* runs = std::getenv("CACHE_RUNS");
    options.cache.runs = runs == nullptr ? 0 : std::atoll(runs);
    return options;
  }
};

}  // namespace perdure

// All headers have been read: only the example's own worker is meant.
#define Worker SmallCacheWorker
#include EXAMPLE
