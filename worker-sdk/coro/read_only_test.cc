// R17, R48: queries and validators leave a run as it was, so that replays, in which they do not
// run, take the same way.
#include <gtest/gtest.h>

#include "perdure/workflow.h"
#include "worker-sdk/coro/scripted_run.h"

namespace perdure::detail {
namespace {

using namespace std::chrono_literals;

struct Asked {
  task<std::string> run() {
    kept = workflow::timer(1h);
    late.emplace();
    if (workflow::patched("early")) workflow::set_current_details("new");
    co_await workflow::until([this] { return go; });
    std::string text = workflow::uuid4();
    text += workflow::patched("p") ? " new" : " old";
    text += " " + std::to_string(workflow::side_effect([] { return 1; }));
    text += " " + std::to_string(workflow::mutable_side_effect("m", [] { return 2; }));
    workflow::deprecate_patch("gone");
    kept->cancel();
    text += late->cancel_requested() ? " canceled" : " goes on";
    co_return text;
  }
  void proceed() { go = true; }
  std::string ask(std::string what) const {
    if (what == "uuid4") return workflow::uuid4();
    if (what == "random") return std::to_string(workflow::random()());
    if (what == "engine") return std::to_string(workflow::random_engine()());
    if (what == "patched") return workflow::patched("p") ? "new" : "old";
    if (what == "known") return workflow::patched("early") ? "new" : "old";
    if (what == "deprecate") workflow::deprecate_patch("gone");
    if (what == "side effect") return std::to_string(workflow::side_effect([] { return 8; }));
    if (what == "mutable")
      return std::to_string(workflow::mutable_side_effect("m", [] { return 9; }));
    if (what == "details") workflow::set_current_details("changed");
    if (what == "cancel") kept->cancel();
    if (what == "cancel scope") late->cancel();
    return "done";
  }
  void check(std::string what) const { ask(what); }
  std::string change(std::string what) { return what; }

  bool go = false;
  std::optional<handle<void>> kept;
  // A query is const, but what it points to is not.
  struct Scopes {
    std::unique_ptr<workflow::cancel_scope> one;
    void emplace() { one = std::make_unique<workflow::cancel_scope>(); }
    workflow::cancel_scope* operator->() const { return one.get(); }
  } late;
  using handlers = define<entry<&Asked::run>, signal<&Asked::proceed>, query<&Asked::ask>,
                          update<&Asked::change, &Asked::check>>;
};

constexpr const char* kRefused[] = {"uuid4",       "random",  "engine",  "patched", "deprecate",
                                    "side effect", "mutable", "details", "cancel",  "cancel scope"};

// What the rest of the run commands, its parameters included.
std::string Rest(ScriptedRun* run) {
  const Completion done = run->Signal("proceed");
  std::string text = Kinds(done);
  for (const Command& command : done.commands) {
    if (const auto* effect = std::get_if<RecordSideEffectCommand>(&command))
      text += " #" + std::to_string(effect->id);
    if (const auto* effect = std::get_if<RecordMutableSideEffectCommand>(&command))
      text += " m" + std::to_string(effect->call);
    if (const auto* completed = std::get_if<CompleteWorkflowCommand>(&command))
      text += " " + completed->result.at(0).data;
  }
  return text + " " + run->QueryPayload("__temporal_workflow_metadata").data;
}

std::string Ask(ScriptedRun* run, const char* what) {
  QueryJob job;
  job.name = "ask";
  job.input = EncodeValues(what);
  const Completion completion = run->Do(std::move(job));
  const auto& outcome = std::get<QueryResultCommand>(completion.commands.at(0)).outcome;
  const auto* failure = std::get_if<FailurePtr>(&outcome);
  return failure ? "!" + (*failure)->message : std::get<Payloads>(outcome).at(0).data;
}

class ReadOnlyCode : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    auto undisturbed = ScriptedRun::Of<Asked>();
    undisturbed.Start();
    expected_ = Rest(&undisturbed);
    ASSERT_NE(expected_.find(" new 1 2 goes on"), std::string::npos) << expected_;
    run_.Start();
  }
  ScriptedRun run_ = ScriptedRun::Of<Asked>();
  std::string expected_;
};

class R17QueriesReadOnly : public ReadOnlyCode {};
TEST_P(R17QueriesReadOnly, ChangeNothingAndLeaveNoTrace) {
  run_.replaying = true;
  EXPECT_EQ(Ask(&run_, GetParam()).find("!queries and validators must not change"), 0u);
  run_.replaying = false;
  EXPECT_EQ(Rest(&run_), expected_);
}
class R48ValidatorsReadOnly : public ReadOnlyCode {};
TEST_P(R48ValidatorsReadOnly, ChangeNothingAndLeaveNoTrace) {
  const Completion refused = run_.Update("u", "change", GetParam());
  ASSERT_EQ(Kinds(refused), "reject");
  EXPECT_EQ(std::get<UpdateRejectedCommand>(refused.commands[0])
                .failure->message.find("queries and validators must not change"),
            0u);
  EXPECT_EQ(Rest(&run_), expected_);
}
std::string NameOf(const ::testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, R17QueriesReadOnly, ::testing::ValuesIn(kRefused), NameOf);
INSTANTIATE_TEST_SUITE_P(All, R48ValidatorsReadOnly, ::testing::ValuesIn(kRefused), NameOf);

TEST(R34PatchAnswer, IsWhatQueriesAndValidatorsAreTold) {
  auto run = ScriptedRun::Of<Asked>();
  run.Start();
  EXPECT_EQ(Ask(&run, "known"), "\"new\"");
  EXPECT_EQ(Kinds(run.Update("u", "change", "known")), "accept update-done");
}

}  // namespace
}  // namespace perdure::detail
