// A database of its own for each test, on the server that PERDURE_TEST_POSTGRES names. Tests only.
#pragma once

#include <cstdlib>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace perdure::store::postgres {

// The URL of a superuser's database; empty if tests have none to use.
inline std::string TestServerUrl() {
  const char* url = std::getenv("PERDURE_TEST_POSTGRES");
  return url == nullptr ? "" : url;
}

class TestDatabase {
 public:
  TestDatabase() {
    static int made = 0;
    name_ = absl::StrCat("perdure_test_", ::getpid(), "_", ++made);
    Administrate(absl::StrCat("CREATE DATABASE ", name_));
  }
  ~TestDatabase() { Administrate(absl::StrCat("DROP DATABASE ", name_, " WITH (FORCE)")); }
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;

  std::string url() const {
    const std::string server = TestServerUrl();
    return absl::StrCat(server.substr(0, server.rfind('/') + 1), name_);
  }
  const std::string& name() const { return name_; }

  // Spreads tables of the schema, empty as they are, over `kParts` by shard_id, as a distributed
  // database would over machines: the part of a shard has the same number in each.
  static constexpr int kParts = 8;
  void Distribute(const std::vector<std::string>& tables) const {
    pqxx::connection connection(url());
    pqxx::work change(connection);
    for (const std::string& table : tables) {
      change.exec(absl::StrCat("ALTER TABLE ", table, " RENAME TO whole"));
      change.exec(absl::StrCat("CREATE TABLE ", table,
                               " (LIKE whole INCLUDING DEFAULTS INCLUDING CONSTRAINTS"
                               " INCLUDING INDEXES) PARTITION BY HASH (shard_id)"));
      for (int i = 0; i < kParts; ++i) {
        change.exec(absl::StrCat("CREATE TABLE ", table, "_part", i, " PARTITION OF ", table,
                                 " FOR VALUES WITH (MODULUS ", kParts, ", REMAINDER ", i, ")"));
      }
      change.exec("DROP TABLE whole");
    }
    change.commit();
  }

  // Runs a statement in the server's own database.
  static void Administrate(const std::string& sql) {
    pqxx::connection connection(TestServerUrl());
    pqxx::nontransaction(connection).exec(sql);
  }

 private:
  std::string name_;
};

}  // namespace perdure::store::postgres
