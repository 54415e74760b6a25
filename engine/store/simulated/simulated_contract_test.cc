#include "store/contract.h"
#include "store/simulated/simulated_store.h"

namespace perdure::store {
namespace {

// On a real loop, since the suite waits for answers; the loop outlives all stores.
class SimulatedContractDatabase final : public ContractDatabase {
 public:
  std::unique_ptr<Store> Open() override {
    return simulated::MakeSimulatedStore(database_, *loop_, {});
  }

 private:
  simulated::SimulatedDatabase database_;
  std::unique_ptr<runtime::Loop> loop_ = runtime::MakeThreadLoop(/*seed=*/1);
};

const ContractBackend& Backend() {
  static const ContractBackend backend = {
      .name = "Memory",
      .create = [] { return std::make_unique<SimulatedContractDatabase>(); },
      .is_shareable = true};
  return backend;
}

INSTANTIATE_TEST_SUITE_P(Simulated, StoreContract, testing::Values(&Backend()), BackendName);

}  // namespace
}  // namespace perdure::store
