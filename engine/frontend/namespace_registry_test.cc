#include "frontend/namespace_registry.h"

#include "frontend/fakes.h"
#include "gtest/gtest.h"
#include "temporal/api/enums/v1/common.pb.h"

namespace perdure::frontend {
namespace {

namespace enums = temporal::api::enums::v1;

class NamespaceRegistryTest : public ::testing::Test {
 protected:
  absl::Status Start(NamespaceRegistry::Wanted wanted) {
    absl::Status started = absl::UnknownError("no answer");
    registry_.Start(std::move(wanted), [&started](absl::Status status) { started = status; });
    return started;
  }

  FakeStore store_;
  FakeLoop loop_;
  base::Settings settings_;
  UuidSource uuids_{3};
  NamespaceRegistry registry_{store_, loop_, settings_, uuids_};
};

TEST_F(NamespaceRegistryTest, CreatesWhatIsMissingAndKeepsWhatIsThere) {
  ASSERT_TRUE(Start({.names = {"default", "shop"},
                     .search_attributes = {{"Color", enums::INDEXED_VALUE_TYPE_KEYWORD}}})
                  .ok());
  const services::NamespacePtr first = registry_.Find("default").value();
  EXPECT_EQ(first->retention, absl::Hours(24));
  EXPECT_EQ(first->search_attributes.size(), 1u);
  EXPECT_EQ(registry_.FindById(first->id).value(), first);
  EXPECT_EQ(registry_.FindByNumber(first->number), first);

  NamespaceRegistry second(store_, loop_, settings_, uuids_);
  second.Start(
      {.names = {"default"}, .search_attributes = {{"Color", enums::INDEXED_VALUE_TYPE_KEYWORD}}},
      [](absl::Status status) { EXPECT_TRUE(status.ok()); });
  EXPECT_EQ(second.Find("default").value()->id, first->id);
  EXPECT_EQ(second.All().size(), 2u);
  EXPECT_EQ(store_.attributes.size(), 2u);
}

// Another node is always a little quicker.
class ContestedStore : public FakeStore {
 public:
  void CreateNamespace(store::NamespaceRow row,
                       store::Result<store::NamespaceRow> result) override {
    store::NamespaceRow others = row;
    others.id = "made by another node";
    FakeStore::CreateNamespace(others, [](auto) {});
    FakeStore::CreateNamespace(std::move(row), std::move(result));
  }
};

TEST(NamespaceRegistryRace, TakesWhatAnotherNodeHasMadeMeanwhile) {
  ContestedStore store;
  FakeLoop loop;
  base::Settings settings;
  UuidSource uuids{3};
  NamespaceRegistry registry(store, loop, settings, uuids);
  absl::Status started = absl::UnknownError("no answer");
  registry.Start({.names = {"default", "shop"},
                  .search_attributes = {{"Color", enums::INDEXED_VALUE_TYPE_KEYWORD}}},
                 [&started](absl::Status status) { started = status; });
  ASSERT_TRUE(started.ok()) << started;
  EXPECT_EQ(registry.Find("shop").value()->id, "made by another node");
  EXPECT_EQ(registry.Find("shop").value()->search_attributes.size(), 1u);
  // Whoever asks for a new one is told that it is there.
  absl::Status asked;
  registry.Create("third", {}, [&asked](auto created) { asked = created.status(); });
  EXPECT_EQ(asked.code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(NamespaceRegistryTest, AppliesTheSettingsOfANamespaceOverTheClusters) {
  ASSERT_TRUE(settings_.Set("history_count_suggest", "50", "flag").ok());
  perdure::store::v1::NamespaceData data;
  (*data.mutable_setting_overrides())["blob_size_limit"] = "4KiB";
  (*data.mutable_setting_overrides())["no_such_setting"] = "1";
  registry_.Create("small", data, [](auto created) { ASSERT_TRUE(created.ok()); });
  const services::Limits& limits = registry_.Find("small").value()->limits;
  EXPECT_EQ(limits.blob_size_bytes, 4096);
  EXPECT_EQ(limits.history_count_suggest, 50);
}

TEST_F(NamespaceRegistryTest, RefusesAChangeMadeOnAnOldSnapshot) {
  ASSERT_TRUE(Start({.names = {"default"}}).ok());
  const services::NamespacePtr old = registry_.Find("default").value();
  absl::Status status;
  const auto update = [&](const char* description) {
    perdure::store::v1::NamespaceData data = old->data;
    data.set_description(description);
    registry_.Update(old, old->name, data, [&](auto updated) { status = updated.status(); });
    return status;
  };
  EXPECT_TRUE(update("first").ok());
  EXPECT_EQ(update("second").code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(registry_.Find("default").value()->data.description(), "first");
  EXPECT_EQ(old->data.description(), "") << "snapshots never change";
}

TEST_F(NamespaceRegistryTest, NamesTheNamespaceItDoesNotKnow) {
  const absl::Status status = registry_.Find("nope").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "Namespace nope is not found.");
  EXPECT_EQ(registry_.FindByNumber(base::NamespaceNumber(9)), nullptr);
}

}  // namespace
}  // namespace perdure::frontend
