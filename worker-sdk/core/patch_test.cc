// R32 to R37: patches, side effects, flags.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker-sdk/core/flags.h"
#include "worker-sdk/core/markers.h"
#include "worker-sdk/core/test_run.h"

namespace perdure::core {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Workflow code that asks for patches as a scheduler would: true where it is live or history has
// the patch. `branches` maps a patch to what is done where it is on; what is done otherwise is
// `otherwise`.
MakeScript Patched(std::string id, bool deprecated, std::vector<detail::Command> on,
                   std::vector<detail::Command> off) {
  return [=]() -> Script {
    return [=, known = false](detail::Activation& activation,
                              detail::Completion* completion) mutable {
      for (const auto& job : activation.jobs) {
        if (const auto* patch = std::get_if<detail::NotifyHasPatchJob>(&job))
          known = known || patch->patch_id == id;
        if (!std::holds_alternative<detail::StartWorkflowJob>(job)) continue;
        const bool is_on =
            !activation.replaying || known ||
            std::any_of(activation.jobs.begin(), activation.jobs.end(),
                        [&](const auto& other) { return Name(other) == "patch(" + id + ")"; });
        if (is_on || deprecated) completion->commands.push_back(Patch(id, deprecated));
        const auto& commands = is_on || deprecated ? on : off;
        completion->commands.insert(completion->commands.end(), commands.begin(), commands.end());
      }
    };
  };
}

enum class Recorded { kNothing, kPatch, kDeprecated };

// A history of one task with a timer, recorded with or without the patch, and then a signal.
History HistoryWith(Recorded recorded) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  if (recorded != Recorded::kNothing) {
    history.Patch("p", recorded == Recorded::kDeprecated);
    history.Versions({"p"});
  }
  history.TimerStarted(recorded == Recorded::kNothing ? 2 : 1);
  history.Signaled("a");
  history.OpenTask();
  return history.history();
}

TEST(R32PatchMarker, IsWrittenAsTheCoreOfTemporalWritesIt) {
  const auto checked =
      CheckLiveAndReplay(HistoryWith(Recorded::kPatch), Patched("p", false, {StartTimer(1)}, {}));
  ASSERT_EQ(CommandTypes(checked.requests[0]),
            "RecordMarker UpsertWorkflowSearchAttributes StartTimer");
  const auto& marker = checked.requests[0].commands(0).record_marker_command_attributes();
  EXPECT_EQ(marker.marker_name(), "core_patch");
  EXPECT_EQ(marker.details().at("patch-data").payloads(0).data(),
            "{\"id\":\"p\",\"deprecated\":false}");
  EXPECT_EQ(marker.details().at("patch-data").payloads(0).metadata().at("encoding"), "json/plain");
}

TEST(R32PatchMarker, IsReadInItsOldFormToo) {
  MarkerEvent marker;
  marker.set_marker_name("core_patch");
  *(*marker.mutable_details())["patch_id"].add_payloads() = ToApi(Payload{"", "old"});
  *(*marker.mutable_details())["deprecated"].add_payloads() =
      ToApi(Payload{"", std::string(1, '\1')});
  const auto patch = ReadPatch(marker);
  ASSERT_TRUE(patch.ok());
  EXPECT_EQ(patch->id, "old");
  EXPECT_TRUE(patch->deprecated);
}

TEST(R33Patches, AreAnnouncedBeforeTheCodeThatRecordedThemRuns) {
  const auto checked =
      CheckLiveAndReplay(HistoryWith(Recorded::kPatch), Patched("p", false, {StartTimer(1)}, {}));
  EXPECT_THAT(checked.live.activations, ElementsAre("live: start", "live: signal(a)"));
  EXPECT_THAT(checked.replayed.activations,
              ElementsAre("replay: start patch(p)", "replay: signal(a)"));
}

TEST(R33Patches, UpsertTheSortedListOfAll) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.Patch("zebra");
  history.Versions({"zebra"});
  history.Patch("ant");
  history.Versions({"ant", "zebra"});
  history.OpenTask();
  const auto checked = CheckLiveAndReplay(
      history.history(), Reacts({{"start", {Patch("zebra"), Patch("ant"), Patch("zebra")}}}));
  const auto& value = checked.requests[0]
                          .commands(3)
                          .upsert_workflow_search_attributes_command_attributes()
                          .search_attributes()
                          .indexed_fields()
                          .at("TemporalChangeVersion");
  EXPECT_EQ(value.data(), "[\"ant\",\"zebra\"]");
  EXPECT_EQ(value.metadata().at("type"), "KeywordList");
  EXPECT_EQ(checked.requests[0].commands_size(), 4) << "each patch is recorded once";
}

TEST(R33Patches, AreNotListedBeyondWhatASearchAttributeHolds) {
  const std::string longest(2048, 'x');
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.Patch(longest);
  history.OpenTask();
  const auto checked = CheckLiveAndReplay(history.history(), Reacts({{"start", {Patch(longest)}}}));
  EXPECT_EQ(CommandTypes(checked.requests[0]), "RecordMarker");
}

TEST(R33Patches, AreNotListedWhereHistoryHasNoFlagForIt) {
  HistoryBuilder builder;
  builder.Start();
  builder.Task();
  builder.Patch("p");
  builder.TimerStarted(1);
  builder.OpenTask();
  History history = builder.history();
  history.mutable_events(3)
      ->mutable_workflow_task_completed_event_attributes()
      ->clear_sdk_metadata();
  EXPECT_EQ(ReplayFailure(history, Patched("p", false, {StartTimer(1)}, {})), "");
}

// The table of what history and workflow code may each have.
TEST(R35Patches, MeetHistoryAsTheTableSays) {
  const std::vector<detail::Command> on = {StartTimer(1)};
  const std::vector<detail::Command> off = {StartTimer(2)};
  const auto without = Reacts({{"start", on}});
  const auto before = Reacts({{"start", off}});
  // No patch in history: patched() is false, deprecate_patch() is let pass.
  EXPECT_EQ(ReplayFailure(HistoryWith(Recorded::kNothing), before), "");
  EXPECT_EQ(ReplayFailure(HistoryWith(Recorded::kNothing), Patched("p", false, on, off)), "");
  EXPECT_EQ(ReplayFailure(HistoryWith(Recorded::kNothing), Patched("p", true, off, off)), "");
  // A patch in history: both are let pass, and code without either is told.
  EXPECT_EQ(ReplayFailure(HistoryWith(Recorded::kPatch), Patched("p", false, on, off)), "");
  EXPECT_EQ(ReplayFailure(HistoryWith(Recorded::kPatch), Patched("p", true, on, off)), "");
  const std::string message = ReplayFailure(HistoryWith(Recorded::kPatch), without);
  EXPECT_THAT(message, HasSubstr("MarkerRecorded (core_patch p)"));
  EXPECT_THAT(message, HasSubstr("workflow::deprecate_patch(\"p\")"));
  // A deprecated one is let pass by all, with its upsert.
  EXPECT_EQ(ReplayFailure(HistoryWith(Recorded::kDeprecated), without), "");
  EXPECT_EQ(ReplayFailure(HistoryWith(Recorded::kDeprecated), Patched("p", false, on, off)), "");
  EXPECT_EQ(ReplayFailure(HistoryWith(Recorded::kDeprecated), Patched("p", true, on, off)), "");
}

TEST(R35Patches, ADeprecatedOneInBetweenIsSkippedAndTheCommandKept) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.Patch("old", true);
  history.Versions({"old"});
  history.Patch("p");
  history.Versions({"old", "p"});
  history.TimerStarted(1);
  history.OpenTask();
  EXPECT_EQ(ReplayFailure(history.history(), Patched("p", false, {StartTimer(1)}, {})), "");
}

TEST(SideEffects, AreAnnouncedAndMatched) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.SideEffect(1, "17");
  history.MutableSideEffect("limit", 1, "5");
  history.TimerStarted(1);
  history.Signaled("a");
  history.OpenTask();
  const auto script =
      Reacts({{"start",
               {detail::RecordSideEffectCommand{1, {{"json/plain", "17"}}},
                detail::RecordMutableSideEffectCommand{"limit", 1, {{"json/plain", "5"}}},
                StartTimer(1)}}});
  const auto checked = CheckLiveAndReplay(history.history(), script);
  EXPECT_THAT(checked.replayed.activations,
              ElementsAre("replay: start side(1=17) mutable(limit.1=5)", "replay: signal(a)"));
}

TEST(SideEffects, AreWrittenAsTheGoSdkWritesThem) {
  HistoryBuilder history;
  history.Start();
  history.OpenTask();
  const auto checked = CheckLiveAndReplay(
      history.history(),
      Reacts({{"start",
               {detail::RecordSideEffectCommand{3, {{"json/plain", "17"}}},
                detail::RecordMutableSideEffectCommand{"limit", 2, {{"json/plain", "5"}}}}}}));
  const auto& effect = checked.requests[0].commands(0).record_marker_command_attributes();
  EXPECT_EQ(effect.marker_name(), "SideEffect");
  EXPECT_EQ(effect.details().at("side-effect-id").payloads(0).data(), "3");
  EXPECT_EQ(effect.details().at("data").payloads(0).data(), "17");
  const auto& changing = checked.requests[0].commands(1).record_marker_command_attributes();
  EXPECT_EQ(changing.marker_name(), "MutableSideEffect");
  EXPECT_EQ(changing.details().at("side-effect-id").payloads(0).data(), "\"limit_2\"");
  EXPECT_EQ(changing.details().at("mutable-side-effect-call-counter").payloads(0).data(), "2");
  EXPECT_EQ(changing.details().at("data").payloads(0).data(), "\"limit\"");
  EXPECT_EQ(
      changing.details().at("data").payloads(1).data(),
      "{\"payloads\":[{\"metadata\":{\"encoding\":\"anNvbi9wbGFpbg==\"},\"data\":\"NQ==\"}]}");
}

TEST(R36Flags, AreWrittenOnceAndRead) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.Signaled("a");
  history.OpenTask();
  History flagged = history.history();
  auto& metadata = *flagged.mutable_events(3)
                        ->mutable_workflow_task_completed_event_attributes()
                        ->mutable_sdk_metadata();
  metadata.add_lang_used_flags(7);
  metadata.set_sdk_name("perdure");
  metadata.set_sdk_version("1");
  const MakeScript script = []() -> Script {
    return
        [](detail::Activation&, detail::Completion* completion) { completion->used_flags = {7}; };
  };
  CheckOptions options;
  options.run.sdk_name = "perdure";
  options.run.sdk_version = "1";
  const auto checked = CheckLiveAndReplay(flagged, script, options);
  const auto& first = checked.requests[0].sdk_metadata();
  EXPECT_THAT(first.core_used_flags(), ElementsAre(1, 2, 3));
  EXPECT_THAT(first.lang_used_flags(), ElementsAre(7));
  EXPECT_EQ(first.sdk_name(), "perdure");
  EXPECT_EQ(first.sdk_version(), "1");
  const auto& second = checked.requests[1].sdk_metadata();
  EXPECT_THAT(second.core_used_flags(), ElementsAre());
  EXPECT_THAT(second.lang_used_flags(), ElementsAre());
  EXPECT_EQ(second.sdk_name(), "");
  // What was written when a task completed governs that task.
  EXPECT_THAT(checked.replayed.seen[0].flags, ElementsAre(7));
}

TEST(R36Flags, AreNoneWithAServerThatCannotKeepThem) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.Patch("p");
  history.Signaled("a");
  history.OpenTask();
  CheckOptions options;
  options.run.server_has_sdk_metadata = false;
  const auto checked =
      CheckLiveAndReplay(history.history(), Reacts({{"start", {Patch("p")}}}), options);
  EXPECT_FALSE(checked.requests[0].has_sdk_metadata());
  EXPECT_EQ(CommandTypes(checked.requests[0]), "RecordMarker") << "the upsert needs a flag";
}

TEST(R37CoreFlags, OfNewerVersionsAreIgnored) {
  CoreFlags flags;
  flags.Add(77);
  flags.Add(2);
  EXPECT_TRUE(flags.Has(CoreFlag::kUpsertOnPatch));
  EXPECT_FALSE(flags.Has(CoreFlag::kIdAndTypeChecks));
}

TEST(R37UpsertOnPatch, KeepsUsersFromTheVersionsAttribute) {
  detail::UpsertSearchAttributesCommand upsert;
  upsert.search_attributes["TemporalChangeVersion"] = {"json/plain", "[\"mine\"]"};
  HistoryBuilder history;
  history.Start();
  history.OpenTask();
  const auto checked = CheckLiveAndReplay(history.history(), Reacts({{"start", {upsert}}}));
  EXPECT_EQ(checked.requests[0]
                .commands(0)
                .upsert_workflow_search_attributes_command_attributes()
                .search_attributes()
                .indexed_fields_size(),
            0);
}

}  // namespace
}  // namespace perdure::core
