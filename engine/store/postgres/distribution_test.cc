// One machine outgrown: with the hot tables spread by shard_id, each statement that commits, loads
// or looks for due runs goes to the parts of the shards it is about, and to no other.
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/statements.h"
#include "store/postgres/test_database.h"

namespace perdure::store::postgres {
namespace {

// Two shards that lie in two parts: `a` and `b` in the arguments.
struct Step {
  const Statement& statement;
  const char* arguments;
};

constexpr char kRunA[] = "44444444-4444-4444-8444-444444444444";
constexpr char kRunB[] = "55555555-5555-4555-8555-555555555555";

// In an order in which each finds something to do. What comes from a batch names both shards, what
// is about one run names one.
const Step kOfBoth[] = {
    {kInsertExecutions,
     "(1, '{a,b}', '{1,1}', '{1,1}', '{w,w}', '{RUN_A,RUN_B}', '{t,t}', '{f,f}', '{10,10}')"},
    {kInsertJournal, "(1, '{a,b}', '{1,1}', '{1,1}', '{x,x}', '{null,null}')"},
    {kInsertJournal, "(1, '{a,b}', '{1,1}', '{2,2}', '{x,x}', '{1,1}')"},
    {kPutSnapshots, "('{a,b}', '{1,1}', '{1,1}', '{x,x}')"},
    {kPutVisibility,
     "('{a,b}', '{1,1}', '{1,1}', '{1,1}', '{1,1}', '{null,null}', '{null,null}', '{null,null}',"
     " '{null,null}', '{T,T}', '{q,q}', '{null,null}', '{null,null}', '{null,null}',"
     " '{null,null}', '{null,null}', '{null,null}', true)"},
    {kBeginCommit, "(1, '{a,b}', '{1,1}', '{1,0}')"},
    {kUpdateExecutions, "('{a,b}', '{1,1}', '{t,t}', '{20,20}', '{f,f}', '{t,t}')"},
    {kDueExecutions, "('{a,b}', 100, 10, 0, 0, 0)"},
    {kEarliestWake, "('{a,b}', 0)"},
};
const Step kOfOne[] = {
    {kLoadCurrent, "(a, 1, 'w')"},         {kLoadRun, "(a, 1, 'w', 'RUN_A')"},
    {kJournalForward, "(a, 1, 1, 9, 10)"}, {kJournalBackward, "(a, 1, 1, 9, 10)"},
    {kEraseRuns, "('{a}', '{1}')"},
};
const std::vector<std::string> kHotTables = {"executions", "journal", "snapshots", "visibility"};

class Distribution : public testing::Test {
 protected:
  void SetUp() override {
    if (TestServerUrl().empty()) {
      GTEST_SKIP() << "PERDURE_TEST_POSTGRES is not set (tests/postgres.sh start DIR prints it)";
    }
    database_ = std::make_unique<TestDatabase>();
    auto store = OpenPostgres({.url = database_->url()});
    ASSERT_TRUE(store.ok()) << store.status();
    store->reset();
    database_->Distribute(kHotTables);
    connection_ = std::make_unique<pqxx::connection>(database_->url());
    pqxx::nontransaction setup(*connection_);
    setup.exec("INSERT INTO incarnations (id, node_name, address) VALUES (1, 'n', '')");
    // As the store's connections plan.
    setup.exec(
        "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
        "SET plan_cache_mode = force_generic_plan");
    for (int shard = 0; shard < base::kShardCount; ++shard) {
      part_of_[shard] = PartOf(setup, shard);
    }
    while (part_of_[b_] == part_of_[a_]) ++b_;
  }

  static int PartOf(pqxx::nontransaction& query, int shard) {
    for (int part = 0; part < TestDatabase::kParts; ++part) {
      const std::string is_there =
          absl::StrCat("SELECT satisfies_hash_partition('executions'::regclass, ",
                       TestDatabase::kParts, ", ", part, ", ", shard, "::smallint)");
      if (query.exec1(is_there)[0].as<bool>()) return part;
    }
    return -1;
  }

  // The parts of hot tables that the statement went to, by what it did and not by what was planned.
  std::set<int> PartsTouchedBy(pqxx::work& work, const Step& step) {
    work.exec(absl::StrCat("PREPARE ", step.statement.name, "_d AS ", step.statement.sql));
    const std::string arguments =
        absl::StrReplaceAll(step.arguments, {{"RUN_A", kRunA},
                                             {"RUN_B", kRunB},
                                             {"{a,b}", absl::StrCat("{", a_, ",", b_, "}")},
                                             {"{a}", absl::StrCat("{", a_, "}")},
                                             {"(a,", absl::StrCat("(", a_, ",")}});
    std::set<int> parts;
    text_.clear();
    for (const auto& row :
         work.exec(absl::StrCat("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) EXECUTE ",
                                step.statement.name, "_d", arguments))) {
      const std::string line = row[0].c_str();
      absl::StrAppend(&text_, line, "\n");
      const size_t found = line.find("_part");
      const bool is_read = absl::StrContains(line, " on ") || absl::StrContains(line, " using ");
      if (found == std::string::npos || !is_read) continue;
      if (absl::StrContains(line, "never executed")) continue;
      // A part that rows may be written to is named without having been looked at.
      if (absl::StrContains(line, "Update on") || absl::StrContains(line, "Delete on")) continue;
      parts.insert(line[found + 5] - '0');
    }
    work.exec(absl::StrCat("DEALLOCATE ", step.statement.name, "_d"));
    return parts;
  }

  std::unique_ptr<TestDatabase> database_;
  std::unique_ptr<pqxx::connection> connection_;
  std::map<int, int> part_of_;
  int a_ = 5;
  int b_ = 6;
  std::string text_;
};

TEST_F(Distribution, EachStatementGoesToThePartsOfItsShards) {
  pqxx::work work(*connection_);
  const std::set<int> of_both = {part_of_[a_], part_of_[b_]};
  for (const Step& step : kOfBoth) {
    const std::set<int> parts = PartsTouchedBy(work, step);
    // What only inserts looks nothing up.
    const bool only_inserts = absl::StrContains(text_, "Insert on") && parts.empty();
    EXPECT_TRUE(only_inserts || parts == of_both) << step.statement.name << "\n" << text_;
  }
  for (const Step& step : kOfOne) {
    EXPECT_EQ(PartsTouchedBy(work, step), std::set<int>{part_of_[a_]})
        << step.statement.name << "\n"
        << text_;
  }
}

// What knows no shard goes to all: the test above can fail.
TEST_F(Distribution, AStatementAboutANamespaceGoesToAllParts) {
  pqxx::work work(*connection_);
  EXPECT_EQ(PartsTouchedBy(work, {kRunsOfNamespace, "(1, 10)"}).size(),
            static_cast<size_t>(TestDatabase::kParts));
}

}  // namespace
}  // namespace perdure::store::postgres
