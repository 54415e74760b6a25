// The engine in the test's process: frontend, history and matching on virtual time, with a database
// in memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "frontend/frontend.h"
#include "frontend/namespace_registry.h"
#include "history/history.h"
#include "matching/matching.h"
#include "store/simulated/simulated_store.h"
#include "worker-sdk/testing/virtual_time.h"

namespace perdure::testing {

class Engine {
 public:
  // Serves when it returns. Throws Error when it cannot.
  Engine(VirtualTime& time, const std::string& namespace_,
         const services::SearchAttributeTypes& search_attributes);
  ~Engine();

  frontend::Frontend& handler() { return *frontend_; }

 private:
  VirtualTime& time_;
  base::Settings settings_;
  VirtualLoop loop_;
  frontend::UuidSource uuids_;
  frontend::ClusterFacts cluster_;
  store::simulated::SimulatedDatabase database_;
  std::unique_ptr<store::simulated::SimulatedStore> store_;
  std::unique_ptr<frontend::NamespaceRegistry> namespaces_;
  std::unique_ptr<history::History> history_;
  std::unique_ptr<matching::Matching> matching_;
  std::unique_ptr<frontend::Frontend> frontend_;
};

}  // namespace perdure::testing
