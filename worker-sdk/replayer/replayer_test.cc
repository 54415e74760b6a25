// Histories of all feature workflows, recorded on servers, against today's code. Recorded anew by
// tests/cpp/servers/record.py, which a change of the workflows needs only where the code goes
// another way.
#include "perdure/replayer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "worker-sdk/core/events.h"
#include "worker-sdk/testing/features.h"
#include "worker-sdk/testing/rare_events.h"

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
  return History::from_json("", text.str());  // Its first event has the id.
}

// The types of the events that the records of one server hold.
std::set<int> Held(const std::string& server) {
  std::set<int> types;
  for (const std::string& file : Recorded()) {
    if (!file.starts_with(server)) continue;
    temporal::api::history::v1::History history;
    EXPECT_TRUE(history.ParseFromString(Read(file).serialized())) << file;
    for (const core::Event& event : history.events()) types.insert(event.event_type());
  }
  return types;
}

// What no server can be made to write for a worker of this SDK, and why.
const std::map<int, std::string>& NeverWritten() {
  namespace enums = temporal::api::enums::v1;
  static const std::string nexus = "no command of this SDK begins a Nexus operation";
  static const std::map<int, std::string> types = {
      {enums::EVENT_TYPE_UNSPECIFIED, "is no event"},
      {enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_REJECTED, "a rejected update leaves no trace"},
      {enums::EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED_EXTERNALLY, "no request leads to it"},
      {enums::EVENT_TYPE_ACTIVITY_PROPERTIES_MODIFIED_EXTERNALLY, "no request leads to it"},
      {enums::EVENT_TYPE_NEXUS_OPERATION_SCHEDULED, nexus},
      {enums::EVENT_TYPE_NEXUS_OPERATION_STARTED, nexus},
      {enums::EVENT_TYPE_NEXUS_OPERATION_COMPLETED, nexus},
      {enums::EVENT_TYPE_NEXUS_OPERATION_FAILED, nexus},
      {enums::EVENT_TYPE_NEXUS_OPERATION_CANCELED, nexus},
      {enums::EVENT_TYPE_NEXUS_OPERATION_TIMED_OUT, nexus},
      {enums::EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUESTED, nexus},
      {enums::EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUEST_COMPLETED, nexus},
      {enums::EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUEST_FAILED, nexus},
  };
  return types;
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
  register_rare_workflows(replayer);
  const ReplayResult result = replayer.replay(Read(GetParam()));
  EXPECT_TRUE(result.ok) << result.message;
}

// A new type of event in the API fails this until there is a record of it, or a reason for none.
TEST(RecordedHistories, HoldEveryEventThatAServerWrites) {
  namespace enums = temporal::api::enums::v1;
  std::map<std::string, std::map<int, std::string>> missing_of = {{"perdure", NeverWritten()},
                                                                  {"temporal", NeverWritten()}};
  missing_of["perdure"][enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED] =
      "it skips no time";
  for (const auto& [server, missing] : missing_of) {
    const std::set<int> held = Held(server);
    for (int type = 0; type < enums::EventType_ARRAYSIZE; ++type) {
      if (!enums::EventType_IsValid(type)) continue;
      EXPECT_NE(held.contains(type), missing.contains(type))
          << core::EventTypeName(type) << ", number " << type << ", of " << server
          << (held.contains(type) ? " is there after all" : " is in no record");
    }
  }
}

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
