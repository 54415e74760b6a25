#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "store/contract.h"
#include "store/sqlite/sqlite_store.h"

namespace perdure::store {
namespace {

class SqliteDatabase final : public ContractDatabase {
 public:
  explicit SqliteDatabase(bool in_memory) {
    if (in_memory) return;
    std::string pattern = testing::TempDir() + "/perdure_sqlite_XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~SqliteDatabase() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  std::unique_ptr<Store> Open() override {
    auto store = sqlite::OpenSqlite({.file = folder_.empty() ? "" : folder_ + "/perdure.db"});
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }

 private:
  std::string folder_;
};

const ContractBackend& FileBackend() {
  static const ContractBackend backend = {
      .name = "File", .create = [] { return std::make_unique<SqliteDatabase>(false); }};
  return backend;
}

const ContractBackend& MemoryBackend() {
  static const ContractBackend backend = {
      .name = "Memory",
      .create = [] { return std::make_unique<SqliteDatabase>(true); },
      .is_durable = false};
  return backend;
}

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreContract, testing::Values(&FileBackend(), &MemoryBackend()),
                         BackendName);

}  // namespace
}  // namespace perdure::store
