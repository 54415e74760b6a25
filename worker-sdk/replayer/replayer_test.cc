// Histories of all feature workflows, recorded on servers, against today's code. Recorded anew by
// tests/cpp/servers/record.sh, which a change of features.h needs only where the code goes another
// way.
#include "perdure/replayer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "worker-sdk/testing/features.h"

namespace perdure::testing::features {

namespace {

std::vector<std::string> Recorded() {
  std::vector<std::string> files;
  const std::filesystem::path folder(PERDURE_HISTORIES);
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
    if (file.path().extension() == ".json")
      files.push_back(std::filesystem::relative(file.path(), folder).string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

History Read(const std::string& file) {
  std::ifstream from(std::string(PERDURE_HISTORIES) + "/" + file);
  std::stringstream text;
  text << from.rdbuf();
  // Workflow code sees its own id, and names its children by it.
  const std::string name = std::filesystem::path(file).stem();
  return History::from_json("recorded-" + (name == "kid" ? "parent-kid-1" : name), text.str());
}

class RecordedHistory : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(, RecordedHistory, ::testing::ValuesIn(Recorded()), [](const auto& info) {
  std::string name = info.param.substr(0, info.param.find('.'));
  for (char& letter : name) letter = std::isalnum(letter) != 0 ? letter : '_';
  return name;
});

TEST_P(RecordedHistory, IsWhatTheCodeDoesFromEachTaskOn) {
  Replayer replayer({.at_every_task = true});
  register_workflows(replayer);
  const ReplayResult result = replayer.replay(Read(GetParam()));
  EXPECT_TRUE(result.ok) << result.message;
}

TEST(RecordedHistories, AreThereOfBothServers) { EXPECT_GE(Recorded().size(), 22u); }

}  // namespace

// The same workflows, as somebody changed them without a patch.
namespace changed {
struct Patched {
  task<std::string> run() {
    co_return co_await workflow::activity<&echo>("instead", {.start_to_close = 1s});
  }
  using handlers = define<entry<&Patched::run>>;
};
struct Local {
  task<std::string> run() {
    co_await workflow::sleep(1s);
    co_return "";
  }
  using handlers = define<entry<&Local::run>>;
};
struct Effects {
  task<std::string> run() { co_return "at once"; }
  using handlers = define<entry<&Effects::run>>;
};
}  // namespace changed

namespace {

template <class W>
std::string Refusal(const std::string& name) {
  Replayer replayer;
  replayer.workflow<W>();
  const ReplayResult result = replayer.replay(Read("perdure/" + name + ".json"));
  EXPECT_FALSE(result.ok);
  EXPECT_TRUE(result.is_nondeterminism);
  return result.message;
}
void ExpectSays(const std::string& message, std::initializer_list<std::string> words) {
  for (const std::string& word : words)
    EXPECT_NE(message.find(word), std::string::npos) << word << " is missing in:\n" << message;
}

TEST(ChangedCode, IsRefusedWithBothSidesShown) {
  ExpectSays(Refusal<changed::Patched>("patched"), {"Patched", "echo", "patch"});
  ExpectSays(Refusal<changed::Local>("local"), {"Local", "timer", "local"});
  ExpectSays(Refusal<changed::Effects>("effects"), {"Effects", "CompleteWorkflowExecution"});
}

TEST(ChangedCode, OfAnotherTypeIsNotNondeterminism) {
  Replayer replayer;
  replayer.workflow<changed::Local>();
  const ReplayResult result = replayer.replay(Read("perdure/effects.json"));
  EXPECT_FALSE(result.ok);
  EXPECT_FALSE(result.is_nondeterminism);
  ExpectSays(result.message, {"Effects", "Local"});
}

}  // namespace
}  // namespace perdure::testing::features
