#include "worker-sdk/core/test_run.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "worker-sdk/core/events.h"

namespace perdure::core {

namespace enums = temporal::api::enums::v1;

namespace {

const char* Kind(const detail::OperationResult& result) {
  constexpr const char* kKinds[] = {"completed", "failed", "canceled", "backoff"};
  return kKinds[result.index()];
}

struct JobName {
  std::string operator()(const detail::StartWorkflowJob&) { return "start"; }
  std::string operator()(const detail::NotifyHasPatchJob& job) {
    return "patch(" + job.patch_id + ")";
  }
  std::string operator()(const detail::NotifySideEffectJob& job) {
    return absl::StrCat("side(", job.id, "=", job.value.at(0).data, ")");
  }
  std::string operator()(const detail::NotifyMutableSideEffectJob& job) {
    return absl::StrCat("mutable(", job.id, ".", job.call, "=", job.value.at(0).data, ")");
  }
  std::string operator()(const detail::UpdateRandomSeedJob&) { return "seed"; }
  std::string operator()(const detail::SignalWorkflowJob& job) {
    return "signal(" + job.name + ")";
  }
  std::string operator()(const detail::DoUpdateJob& job) {
    return absl::StrCat("update(", job.id, job.run_validator ? "" : ",trusted", ")");
  }
  std::string operator()(const detail::FireTimerJob& job) {
    return absl::StrCat("timer(", job.seq, ")");
  }
  std::string operator()(const detail::ResolveActivityJob& job) {
    return absl::StrCat(job.is_local ? "local(" : "activity(", job.seq, ",", Kind(job.result), ")");
  }
  std::string operator()(const detail::ResolveChildStartJob& job) {
    return absl::StrCat("child_start(", job.seq, job.failure ? ",failed" : "", ")");
  }
  std::string operator()(const detail::ResolveChildJob& job) {
    return absl::StrCat("child(", job.seq, ",", Kind(job.result), ")");
  }
  std::string operator()(const detail::ResolveSignalExternalJob& job) {
    return absl::StrCat("signaled(", job.seq, job.failure ? ",failed" : "", ")");
  }
  std::string operator()(const detail::ResolveCancelExternalJob& job) {
    return absl::StrCat("canceled(", job.seq, job.failure ? ",failed" : "", ")");
  }
  std::string operator()(const detail::CancelWorkflowJob&) { return "cancel"; }
  std::string operator()(const detail::QueryJob& job) { return "query(" + job.name + ")"; }
};

struct CommandName {
  std::string operator()(const detail::StartTimerCommand& c) {
    return absl::StrCat("StartTimer(", c.seq, ")");
  }
  std::string operator()(const detail::CancelTimerCommand& c) {
    return absl::StrCat("CancelTimer(", c.seq, ")");
  }
  std::string operator()(const detail::SetPatchMarkerCommand& c) {
    return absl::StrCat("Patch(", c.patch_id, ")");
  }
  template <class Command>
  std::string operator()(const Command& command) {
    if constexpr (requires { command.seq; }) return absl::StrCat("seq ", command.seq);
    return "other";
  }
};

class Scripted : public detail::Program {
 public:
  Scripted(Script script, std::shared_ptr<Trace> trace)
      : script_(std::move(script)), trace_(std::move(trace)) {}
  void Activate(detail::Activation& activation, detail::Completion* completion) override {
    std::string jobs;
    for (const auto& job : activation.jobs)
      absl::StrAppend(&jobs, jobs.empty() ? "" : " ", Name(job));
    trace_->activations.push_back(absl::StrCat(activation.replaying ? "replay: " : "live: ", jobs));
    trace_->seen.push_back(activation);
    script_(activation, completion);
    for (const auto& command : completion->commands) {
      trace_->commands.push_back(absl::StrCat(command.index(), " ", Name(command)));
    }
  }
  std::int64_t memory_bytes() const override { return 0; }

 private:
  Script script_;
  std::shared_ptr<Trace> trace_;
};

}  // namespace

std::string Name(const detail::Job& job) { return std::visit(JobName(), job); }
std::string Name(const detail::Command& command) { return std::visit(CommandName(), command); }

MakeProgram ProgramOf(MakeScript make, std::vector<std::shared_ptr<Trace>>* traces) {
  return [make = std::move(make),
          traces](const std::string& type) -> std::unique_ptr<detail::Program> {
    if (type != "Test") return nullptr;
    traces->push_back(std::make_shared<Trace>());
    return std::make_unique<Scripted>(make(), traces->back());
  };
}

MakeScript Reacts(Reactions reactions) {
  return [reactions = std::move(reactions)]() -> Script {
    return [reactions](detail::Activation& activation, detail::Completion* completion) {
      for (const auto& job : activation.jobs) {
        for (const auto& [name, commands] : reactions) {
          if (name != Name(job)) continue;
          completion->commands.insert(completion->commands.end(), commands.begin(), commands.end());
        }
        if (const auto* query = std::get_if<detail::QueryJob>(&job)) {
          completion->commands.emplace_back(
              detail::QueryResultCommand{query->id, Payloads{{"json/plain", "\"answer\""}}});
        }
      }
    };
  };
}

detail::Command StartTimer(std::uint32_t seq) {
  detail::StartTimerCommand command;
  command.seq = seq;
  command.duration = std::chrono::seconds(1);
  return command;
}
detail::Command CancelTimer(std::uint32_t seq) { return detail::CancelTimerCommand{seq}; }
detail::Command ScheduleActivity(std::uint32_t seq, const std::string& type,
                                 detail::ActivityCancellation cancellation) {
  detail::ScheduleActivityCommand command;
  command.seq = seq;
  command.activity_type = type;
  command.cancellation = cancellation;
  command.input = {{"json/plain", "1"}};
  return command;
}
detail::Command CancelActivity(std::uint32_t seq) {
  return detail::RequestCancelActivityCommand{seq};
}
detail::Command ScheduleLocal(std::uint32_t seq, const std::string& type,
                              detail::ActivityCancellation cancellation) {
  detail::ScheduleLocalActivityCommand command;
  command.seq = seq;
  command.activity_type = type;
  command.cancellation = cancellation;
  return command;
}
detail::Command CancelLocalActivity(std::uint32_t seq) {
  return detail::RequestCancelLocalActivityCommand{seq};
}
detail::Command StartChild(std::uint32_t seq, const std::string& id,
                           detail::ChildCancellation cancellation) {
  detail::StartChildCommand command;
  command.seq = seq;
  command.workflow_id = id;
  command.workflow_type = "Child";
  command.cancellation = cancellation;
  return command;
}
detail::Command CancelChild(std::uint32_t seq) { return detail::CancelChildCommand{seq, "enough"}; }
detail::Command Patch(const std::string& id, bool deprecated) {
  return detail::SetPatchMarkerCommand{id, deprecated};
}
detail::Command Complete() { return detail::CompleteWorkflowCommand{}; }

Task TaskOf(const History& history, std::int64_t first, std::int64_t last,
            std::int64_t previous_started) {
  Task task;
  task.set_task_token("token");
  task.mutable_workflow_execution()->set_workflow_id("workflow");
  task.mutable_workflow_execution()->set_run_id("run");
  task.mutable_workflow_type()->set_name(
      history.events(0).workflow_execution_started_event_attributes().workflow_type().name());
  task.set_attempt(1);
  task.set_previous_started_event_id(previous_started);
  task.set_started_event_id(last);
  for (std::int64_t id = first; id <= last; ++id) {
    *task.mutable_history()->add_events() = history.events(static_cast<int>(id) - 1);
  }
  return task;
}

std::string CommandTypes(const Request& request) {
  return absl::StrJoin(request.commands(), " ", [](std::string* out, const auto& command) {
    // COMMAND_TYPE_START_TIMER as StartTimer, like the names of events.
    std::string name =
        enums::CommandType_Name(command.command_type()).substr(sizeof("COMMAND_TYPE_") - 1);
    bool upper = true;
    for (const char c : name) {
      if (c == '_') {
        upper = true;
        continue;
      }
      *out += upper ? c : static_cast<char>(std::tolower(c));
      upper = false;
    }
  });
}

std::string FailureOf(const Step& step) {
  if (const auto* failed = std::get_if<FailTask>(&step)) return failed->failure.message();
  return {};
}

namespace {

bool IsType(const History& history, std::int64_t id, enums::EventType type) {
  return id <= history.events_size() &&
         history.events(static_cast<int>(id) - 1).event_type() == type;
}

// The types of the events that commands led to after the completion at `completed`.
std::vector<std::string> CommandEvents(const History& history, std::int64_t completed) {
  std::vector<std::string> types;
  for (std::int64_t id = completed + 1; id <= history.events_size(); ++id) {
    const auto type = history.events(static_cast<int>(id) - 1).event_type();
    if (type == enums::EVENT_TYPE_WORKFLOW_TASK_SCHEDULED) break;
    if (IsCommandEvent(type)) types.push_back(EventTypeName(type));
  }
  return types;
}

void RunLive(const History& history, const MakeScript& script, const CheckOptions& options,
             Checked* checked) {
  std::vector<std::shared_ptr<Trace>> traces;
  const MakeProgram make = ProgramOf(script, &traces);
  Run run(&options.run, &make);
  std::int64_t first = 1;
  std::int64_t previous = 0;
  for (std::int64_t id = 1; id <= history.events_size(); ++id) {
    if (!IsType(history, id, enums::EVENT_TYPE_WORKFLOW_TASK_STARTED)) continue;
    if (IsType(history, id + 1, enums::EVENT_TYPE_WORKFLOW_TASK_FAILED) ||
        IsType(history, id + 1, enums::EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT) ||
        IsType(history, id + 1, enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED) ||
        IsType(history, id + 1, enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT)) {
      continue;
    }
    Task task = TaskOf(history, first, id, previous);
    if (options.edit_task) options.edit_task(&task);
    const Step step = run.StartTask(std::move(task));
    ASSERT_TRUE(std::holds_alternative<CompleteTask>(step))
        << "live, task at event " << id << ": step " << step.index() << " " << FailureOf(step);
    checked->requests.push_back(std::get<CompleteTask>(step).request);
    if (IsType(history, id + 1, enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED)) {
      EXPECT_EQ(checked->requests.back().commands_size(), CommandEvents(history, id + 1).size())
          << "live, task at event " << id << " commanded " << CommandTypes(checked->requests.back())
          << " where history has " << absl::StrJoin(CommandEvents(history, id + 1), " ");
    }
    run.TaskAccepted({});
    first = id + 1;
    previous = id;
  }
  ASSERT_EQ(traces.size(), 1u) << "the program was made anew: a sticky task was not taken for one";
  checked->live = *traces[0];
}

}  // namespace

Checked CheckLiveAndReplay(const History& history, const MakeScript& script, CheckOptions options) {
  Checked checked;
  RunLive(history, script, options, &checked);
  std::vector<std::shared_ptr<Trace>> traces;
  ReplayOptions replay;
  replay.run = options.run;
  const ReplayResult result = ReplayHistory(history, replay, ProgramOf(script, &traces));
  EXPECT_TRUE(result.ok) << result.message;
  if (!traces.empty()) checked.replayed = *traces.back();
  if (options.compare_commands) {
    EXPECT_EQ(checked.live.commands, checked.replayed.commands);
  }
  replay.at_every_task = true;
  const ReplayResult parts = ReplayHistory(history, replay, ProgramOf(script, &traces));
  EXPECT_TRUE(parts.ok) << "the part up to event " << parts.last_event_id << ": " << parts.message;
  return checked;
}

std::string ReplayFailure(const History& history, const MakeScript& script, RunOptions options) {
  std::vector<std::shared_ptr<Trace>> traces;
  ReplayOptions replay;
  replay.run = std::move(options);
  return ReplayHistory(history, replay, ProgramOf(script, &traces)).message;
}

}  // namespace perdure::core
