#include "store/contract.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/test_database.h"

namespace perdure::store {
namespace {

class PostgresDatabase final : public ContractDatabase {
 public:
  explicit PostgresDatabase(const std::vector<std::string>& distributed = {}) {
    if (distributed.empty()) return;
    Open();
    database_.Distribute(distributed);
  }
  std::unique_ptr<Store> Open() override {
    auto store = postgres::OpenPostgres({.url = database_.url()});
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }

 private:
  postgres::TestDatabase database_;
};

const ContractBackend& Backend() {
  static const ContractBackend backend = {
      .name = "Server",
      .create = [] { return std::make_unique<PostgresDatabase>(); },
      .is_shareable = true,
      .skip_reason =
          postgres::TestServerUrl().empty()
              ? "PERDURE_TEST_POSTGRES is not set (tests/postgres.sh start DIR prints it)"
              : ""};
  return backend;
}

// The tables that a shard's commits and loads go to, spread by shard. Indexes of custom search
// attributes are made concurrently, which PostgreSQL itself cannot for a table in parts.
const ContractBackend& Distributed() {
  static const ContractBackend backend = [] {
    ContractBackend backend = Backend();
    backend.name = "InParts";
    backend.create = [] {
      return std::make_unique<PostgresDatabase>(
          std::vector<std::string>{"executions", "journal", "snapshots"});
    };
    return backend;
  }();
  return backend;
}

INSTANTIATE_TEST_SUITE_P(Postgres, StoreContract, testing::Values(&Backend(), &Distributed()),
                         BackendName);

}  // namespace
}  // namespace perdure::store
