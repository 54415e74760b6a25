#include "base/log.h"

#include "gtest/gtest.h"

namespace perdure::base {
namespace {

TEST(Log, WritesTextWithQuotesOnlyWhereTheyAreNeeded) {
  EXPECT_EQ(FormatLogLine(LogFormat::kText, LogLevel::kInfo, "run closed",
                          {{"namespace", "default"}, {"workflow", "order 7"}, {"events", 12}}),
            "info run closed namespace=default workflow=\"order 7\" events=12");
}

TEST(Log, WritesJsonThatNoFieldCanBreakOutOf) {
  EXPECT_EQ(FormatLogLine(LogFormat::kJson, LogLevel::kError, "a \"b\"",
                          {{"workflow", "x\n\x01\""}, {"ok", false}}),
            R"("level":"error","message":"a \"b\"","workflow":"x\n\u0001\"","ok":false)");
}

TEST(Log, DropsWhatIsBelowTheLevel) {
  SetLogLevel(LogLevel::kWarning);
  EXPECT_FALSE(IsLogged(LogLevel::kInfo));
  EXPECT_TRUE(IsLogged(LogLevel::kWarning));
  SetLogLevel(LogLevel::kInfo);
  LogLevel level = LogLevel::kInfo;
  EXPECT_TRUE(ParseLogLevel("warn", &level));
  EXPECT_EQ(level, LogLevel::kWarning);
  EXPECT_FALSE(ParseLogLevel("loud", &level));
}

}  // namespace
}  // namespace perdure::base
