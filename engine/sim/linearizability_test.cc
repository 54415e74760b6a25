#include "sim/linearizability.h"

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace perdure::sim {
namespace {

using Kind = SentRequest::Kind;
using Outcome = SentRequest::Outcome;

Entries Log(const std::string& letters) { return absl::StrSplit(letters, "", absl::SkipEmpty()); }
SentRequest Start(int64_t begin, int64_t end) {
  return {.kind = Kind::kStart, .begin = begin, .end = end};
}
SentRequest Write(const std::string& entry, int64_t begin, int64_t end) {
  return {.kind = Kind::kWrite, .begin = begin, .end = end, .entry = entry};
}
SentRequest Update(const std::string& entry, int64_t begin, int64_t end, const std::string& seen) {
  SentRequest request = Write(entry, begin, end);
  request.seen = Log(seen);
  return request;
}
SentRequest Refused(SentRequest request) {
  request.outcome = Outcome::kRefused;
  return request;
}
SentRequest Unknown(SentRequest request) {
  request.outcome = Outcome::kUnknown;
  return request;
}
SentRequest Read(int64_t begin, int64_t end, const std::string& seen) {
  return {.begin = begin, .end = end, .seen = Log(seen)};
}
SentRequest Status(int64_t begin, int64_t end, bool is_running) {
  return {.begin = begin, .end = end, .is_running = is_running};
}
SentRequest Close(int64_t begin, int64_t end) {
  return {.kind = Kind::kClose, .begin = begin, .end = end};
}
bool IsForeign(const std::string& entry) { return entry == "f"; }

bool HasOrder(std::vector<SentRequest> requests) {
  requests.push_back(Start(0, 1));
  return CheckLinearizable(std::move(requests), IsForeign).empty();
}

TEST(Linearizability, HoldsForWhatOneServerAnswers) {
  EXPECT_TRUE(HasOrder({Write("a", 2, 3), Read(4, 5, "a"), Update("b", 6, 7, "ab")}));
  EXPECT_TRUE(HasOrder({Write("a", 2, 3), Close(4, 5), Refused(Write("b", 6, 7)), Read(8, 9, "a"),
                        Status(8, 9, false), Refused(Close(10, 11)), Refused(Start(12, 13))}));
  EXPECT_TRUE(HasOrder({Status(2, 3, true), Status(4, 5, false)}));
}

// All subsets of the reads would be a billion.
TEST(Linearizability, FindsAContradictionBesideManyReadsAtOnce) {
  std::vector<SentRequest> requests = {Update("a", 2, 9, "a"), Read(10, 11, "")};
  for (int i = 0; i < 30; ++i) requests.push_back(Status(2, 9, true));
  EXPECT_FALSE(HasOrder(requests));
}

TEST(Linearizability, LeavesTheOrderOfWhatOverlapsOpen) {
  EXPECT_TRUE(HasOrder({Write("a", 2, 6), Read(3, 4, "a")}));
  EXPECT_TRUE(HasOrder({Write("a", 2, 6), Read(3, 4, ""), Read(7, 8, "a")}));
  EXPECT_TRUE(HasOrder({Write("a", 2, 9), Write("b", 3, 4), Read(5, 6, "b"), Read(10, 11, "ba")}));
}

TEST(Linearizability, LetsTheUnansweredHappenLateOrNever) {
  const SentRequest lost = Unknown(Write("a", 2, 2));
  EXPECT_TRUE(HasOrder({lost, Read(3, 4, "a")}));
  EXPECT_TRUE(HasOrder({lost, Write("b", 3, 4), Read(5, 6, "b")}));
  EXPECT_TRUE(HasOrder({lost, Read(3, 4, ""), Write("b", 5, 6), Read(7, 8, "ba")}));
  EXPECT_TRUE(HasOrder({lost, Write("a", 3, 4), Read(5, 6, "a")}));
  EXPECT_TRUE(HasOrder({Unknown(Close(2, 2)), Status(3, 4, true), Status(5, 6, false)}));
}

TEST(Linearizability, KnowsTheEntriesOfOthers) {
  EXPECT_TRUE(HasOrder({Read(2, 3, ""), Read(4, 5, "f"), Write("a", 6, 7), Read(8, 9, "fa")}));
  EXPECT_FALSE(HasOrder({Read(2, 3, "f"), Read(4, 5, "")}));
  EXPECT_FALSE(HasOrder({Read(2, 3, "z")}));
}

TEST(Linearizability, FindsALostWrite) {
  EXPECT_FALSE(HasOrder({Write("a", 2, 3), Read(4, 5, "")}));
  EXPECT_FALSE(HasOrder({Write("a", 2, 3), Write("b", 4, 5), Read(6, 7, "b")}));
  EXPECT_FALSE(HasOrder({Update("a", 2, 3, "a"), Write("b", 4, 5), Read(6, 7, "b")}));
}

TEST(Linearizability, FindsAStaleRead) {
  EXPECT_FALSE(HasOrder({Write("a", 2, 3), Read(4, 5, "a"), Read(6, 7, "")}));
  EXPECT_FALSE(HasOrder({Write("a", 2, 20), Read(3, 4, "a"), Read(5, 6, "")}));
  EXPECT_FALSE(HasOrder({Write("a", 2, 3), Update("b", 4, 5, "b"), Read(6, 7, "ba")}));
  EXPECT_FALSE(HasOrder({Status(2, 3, false), Status(4, 5, true)}));
  EXPECT_FALSE(HasOrder({Close(2, 3), Status(4, 5, true)}));
}

TEST(Linearizability, FindsADoubleApply) {
  EXPECT_FALSE(HasOrder({Write("a", 2, 3), Read(4, 5, "aa")}));
  EXPECT_FALSE(
      HasOrder({Unknown(Write("a", 2, 2)), Write("a", 3, 4), Write("b", 5, 6), Read(7, 8, "aba")}));
}

TEST(Linearizability, FindsWhatIsAcceptedAfterTheClose) {
  EXPECT_FALSE(HasOrder({Close(2, 3), Write("a", 4, 5)}));
  EXPECT_FALSE(HasOrder({Status(2, 3, false), Write("a", 4, 5)}));
  EXPECT_FALSE(HasOrder({Refused(Write("a", 2, 3)), Status(4, 5, true)}));
}

TEST(Linearizability, SaysWhereItIsStuck) {
  const std::string wrong = CheckLinearizable(
      {Start(0, 1), Write("a", 2, 3), Read(4, 5, "a"), Read(6, 7, "")}, IsForeign);
  EXPECT_TRUE(absl::StrContains(wrong, "read  done from 6 to 7, saw []")) << wrong;
}

}  // namespace
}  // namespace perdure::sim
