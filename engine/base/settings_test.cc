#include "base/settings.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace perdure::base {
namespace {

using ::testing::HasSubstr;

TEST(Settings, EveryDefaultIsWithinItsOwnRange) {
  Settings settings;
  for (const Setting& setting : SettingTable()) {
    EXPECT_TRUE(settings.Set(setting.name, setting.default_text, "test").ok()) << setting.name;
    EXPECT_FALSE(setting.sentence.empty()) << setting.name;
  }
}

TEST(Settings, AnswersToTheKeysOfTemporalsDynamicConfig) {
  Settings settings;
  ASSERT_TRUE(settings.Set("limit.historyCount.suggestContinueAsNew", "50", "flag").ok());
  EXPECT_EQ(settings.Int(SettingId::kHistoryCountSuggest), 50);
  EXPECT_EQ(settings.SourceOf(SettingId::kHistoryCountSuggest), "flag");
  ASSERT_TRUE(settings.Set("history.maxWorkflowTaskTimeout", "5m", "flag").ok());
  EXPECT_EQ(settings.Duration(SettingId::kWorkflowTaskTimeoutMax), absl::Minutes(5));
}

TEST(Settings, SuggestsTheNearestNameForAnUnknownOne) {
  Settings settings;
  const absl::Status status = settings.Set("history_cuont_limit", "5", "flag");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("did you mean \"history_count_limit\"?"));
  EXPECT_EQ(SuggestSetting("colour"), "");
}

TEST(Settings, RefusesWhatIsJustOutOfRangeAndKeepsTheFormerValue) {
  Settings settings;
  EXPECT_TRUE(settings.Set("id_length_limit", "1000", "file").ok());
  EXPECT_FALSE(settings.Set("id_length_limit", "1001", "flag").ok());
  EXPECT_FALSE(settings.Set("id_length_limit", "0", "flag").ok());
  EXPECT_FALSE(settings.Set("id_length_limit", "ten", "flag").ok());
  EXPECT_EQ(settings.Int(SettingId::kIdLengthLimit), 1000);
  EXPECT_EQ(settings.SourceOf(SettingId::kIdLengthLimit), "file");
}

TEST(Settings, ReadsSizesWithUnits) {
  Settings settings;
  ASSERT_TRUE(settings.Set("blob_size_limit", "64KiB", "file").ok());
  EXPECT_EQ(settings.Int(SettingId::kBlobSizeLimit), 65536);
  ASSERT_TRUE(settings.Set("blob-size-limit", "4096", "flag").ok());
  EXPECT_EQ(settings.Int(SettingId::kBlobSizeLimit), 4096);
  EXPECT_FALSE(settings.Set("blob_size_limit", "9223372036854775807GiB", "file").ok());
}

}  // namespace
}  // namespace perdure::base
