// Random workflow code against a small server, live and in replay.
//
// The server writes history as Temporal's does: events of commands in their order, buffered events
// behind them. Live, the run is sticky and is sometimes thrown out of the cache; at the end it is
// replayed as a whole and at every task. Whatever the code does, each way must give the same
// commands.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "worker-sdk/core/test_run.h"

namespace perdure::core {
namespace {

namespace enums = temporal::api::enums::v1;

// A generator that is the same in each standard library.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 2654435769u + 1) {}
  std::uint32_t operator()(std::uint32_t below) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::uint32_t>(state_ >> 33) % below;
  }

 private:
  std::uint64_t state_;
};

// Code that decides by what it is told, as code does, and by a generator of its own: the same jobs
// lead to the same commands. It knows which of its operations are open.
class Code {
 public:
  explicit Code(std::uint64_t seed) : random_(seed) {}

  void operator()(detail::Activation& activation, detail::Completion* completion) {
    replaying_ = activation.replaying;
    for (const auto& job : activation.jobs) {
      if (const auto* patch = std::get_if<detail::NotifyHasPatchJob>(&job))
        patches_.insert(patch->patch_id);
      if (const auto* effect = std::get_if<detail::NotifySideEffectJob>(&job))
        effects_.insert(effect->id);
    }
    for (const auto& job : activation.jobs) {
      Close(job);
      if (std::holds_alternative<detail::NotifyHasPatchJob>(job) ||
          std::holds_alternative<detail::NotifySideEffectJob>(job)) {
        continue;
      }
      if (const auto* update = std::get_if<detail::DoUpdateJob>(&job))
        OnUpdate(*update, completion);
      const std::uint32_t acts = 1 + random_(3);
      for (std::uint32_t i = 0; i < acts; ++i) Act(completion);
    }
    if (++activations_ > 12 || (open_.empty() && updates_.empty()))
      completion->commands.push_back(Complete());
  }

 private:
  void Close(const detail::Job& job) {
    if (const auto* timer = std::get_if<detail::FireTimerJob>(&job)) open_.erase(timer->seq);
    if (const auto* activity = std::get_if<detail::ResolveActivityJob>(&job))
      open_.erase(activity->seq);
    if (const auto* start = std::get_if<detail::ResolveChildStartJob>(&job)) {
      if (start->failure) open_.erase(start->seq);
    }
    if (const auto* child = std::get_if<detail::ResolveChildJob>(&job)) open_.erase(child->seq);
    if (const auto* external = std::get_if<detail::ResolveSignalExternalJob>(&job))
      open_.erase(external->seq);
  }
  void OnUpdate(const detail::DoUpdateJob& job, detail::Completion* completion) {
    completion->commands.emplace_back(detail::UpdateAcceptedCommand{job.protocol_instance_id});
    if (random_(2) == 0) {
      completion->commands.emplace_back(
          detail::UpdateCompletedCommand{job.protocol_instance_id, Payloads()});
    } else {
      updates_.push_back(job.protocol_instance_id);
    }
  }
  void Act(detail::Completion* completion) {
    const std::uint32_t seq = next_seq_;
    auto& commands = completion->commands;
    switch (random_(10)) {
      case 0:
      case 1:
        Open(StartTimer(seq), 't', completion);
        return;
      case 2:
      case 3:
        Open(ScheduleActivity(seq, "Work", static_cast<detail::ActivityCancellation>(random_(3))),
             'a', completion);
        return;
      case 4:
        Open(StartChild(seq, absl::StrCat("child-", seq),
                        static_cast<detail::ChildCancellation>(random_(4))),
             'c', completion);
        return;
      case 5: {
        detail::SignalExternalCommand command;
        command.seq = seq;
        command.workflow_id = "other";
        command.signal_name = "go";
        Open(command, 's', completion);
        return;
      }
      case 6: {
        // Asked as a scheduler asks: on where it is live or history has it, and then for good.
        const std::string id = absl::StrCat("patch-", random_(3));
        if (answers_.count(id) == 0) answers_[id] = !replaying_ || patches_.count(id) != 0;
        if (answers_[id]) commands.push_back(Patch(id));
        return;
      }
      case 7:
        commands.emplace_back(
            detail::RecordSideEffectCommand{next_effect_++, {{"json/plain", "1"}}});
        return;
      case 8:
        if (!updates_.empty()) {
          commands.emplace_back(detail::UpdateCompletedCommand{updates_.back(), Payloads()});
          updates_.pop_back();
        }
        return;
      default:
        Cancel(completion);
    }
  }
  void Open(detail::Command command, char kind, detail::Completion* completion) {
    completion->commands.push_back(std::move(command));
    open_[next_seq_++] = kind;
  }
  void Cancel(detail::Completion* completion) {
    if (open_.empty()) return;
    auto at = std::next(open_.begin(), random_(static_cast<std::uint32_t>(open_.size())));
    const auto [seq, kind] = *at;
    if (kind == 't') {
      completion->commands.push_back(CancelTimer(seq));
      open_.erase(at);
    } else if (kind == 'a') {
      completion->commands.push_back(CancelActivity(seq));
    } else if (kind == 'c') {
      completion->commands.push_back(CancelChild(seq));
    } else {
      completion->commands.emplace_back(detail::CancelSignalExternalCommand{seq});
    }
  }

  Random random_;
  std::uint32_t next_seq_ = 1;
  std::int64_t next_effect_ = 1;
  int activations_ = 0;
  bool replaying_ = false;
  std::map<std::uint32_t, char> open_;
  std::vector<std::string> updates_;
  std::set<std::string> patches_;
  std::set<std::int64_t> effects_;
  std::map<std::string, bool> answers_;
};

// Writes history as a server does, and makes things happen in between.
class Server {
 public:
  explicit Server(std::uint64_t seed) : random_(seed) { history_.Start(); }

  const History& history() const { return history_.history(); }
  HistoryBuilder& builder() { return history_; }
  bool is_closed() const { return closed_; }
  std::int64_t previous_started() const { return previous_started_; }

  // What happens until the next task, and the task. A message may come with it.
  Task NextTask(std::int64_t first) {
    const std::uint32_t count = 1 + random_(3);
    for (std::uint32_t i = 0; i < count; ++i) Happen();
    if (random_(8) == 0) {
      history_.OpenTask();
      history_.TaskTimedOut();
    }
    const auto started = history_.OpenTask();
    Task task = TaskOf(history(), first, started, previous_started_);
    if (random_(4) == 0) {
      const std::string id = absl::StrCat("update-", ++updates_);
      temporal::api::update::v1::Request request;
      request.mutable_meta()->set_update_id(id);
      request.mutable_input()->set_name("add");
      auto& message = *task.add_messages();
      message.set_id(id + "/request");
      message.set_protocol_instance_id(id);
      message.set_event_id(started - 1);
      message.mutable_body()->PackFrom(request);
    }
    // What happens while the task runs comes behind its commands.
    buffered_ = random_(2);
    return task;
  }

  void Complete(const Request& request, std::int64_t started) {
    previous_started_ = started;
    history_.TaskCompleted();
    std::map<std::string, const temporal::api::protocol::v1::Message*> messages;
    for (const auto& message : request.messages()) messages[message.id()] = &message;
    for (const auto& command : request.commands()) Take(command, messages);
    for (; buffered_ > 0 && !closed_; --buffered_) Happen();
  }

 private:
  void Take(const temporal::api::command::v1::Command& command,
            const std::map<std::string, const temporal::api::protocol::v1::Message*>& messages) {
    using Case = temporal::api::command::v1::Command;
    switch (command.attributes_case()) {
      case Case::kStartTimerCommandAttributes:
        open_.push_back({'t', TimerOf(command)});
        return;
      case Case::kCancelTimerCommandAttributes: {
        const auto id = timers_.at(command.cancel_timer_command_attributes().timer_id());
        Drop(id);
        history_.TimerCanceled(id);
        return;
      }
      case Case::kScheduleActivityTaskCommandAttributes: {
        const auto& attributes = command.schedule_activity_task_command_attributes();
        open_.push_back({'a', history_.ActivityScheduled(attributes.activity_id(), "Work")});
        return;
      }
      case Case::kRequestCancelActivityTaskCommandAttributes: {
        const auto id =
            command.request_cancel_activity_task_command_attributes().scheduled_event_id();
        history_.ActivityCancelRequested(id);
        if (random_(2) == 0 && Drop(id)) history_.ActivityCanceled(id);
        return;
      }
      case Case::kStartChildWorkflowExecutionCommandAttributes:
        open_.push_back(
            {'i', history_.ChildInitiated(
                      command.start_child_workflow_execution_command_attributes().workflow_id(),
                      "Child")});
        return;
      case Case::kSignalExternalWorkflowExecutionCommandAttributes:
        open_.push_back({'s', history_.SignalInitiated("other", "go")});
        return;
      case Case::kRequestCancelExternalWorkflowExecutionCommandAttributes:
        open_.push_back(
            {'x', history_.CancelInitiated(
                      command.request_cancel_external_workflow_execution_command_attributes()
                          .workflow_id(),
                      true)});
        return;
      case Case::kRecordMarkerCommandAttributes: {
        auto& event = history_.Add(enums::EVENT_TYPE_MARKER_RECORDED);
        auto& to = *event.mutable_marker_recorded_event_attributes();
        to.set_marker_name(command.record_marker_command_attributes().marker_name());
        *to.mutable_details() = command.record_marker_command_attributes().details();
        return;
      }
      case Case::kUpsertWorkflowSearchAttributesCommandAttributes: {
        auto& event = history_.Add(enums::EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES);
        *event.mutable_upsert_workflow_search_attributes_event_attributes()
             ->mutable_search_attributes() =
            command.upsert_workflow_search_attributes_command_attributes().search_attributes();
        return;
      }
      case Case::kProtocolMessageCommandAttributes: {
        const auto& message =
            *messages.at(command.protocol_message_command_attributes().message_id());
        temporal::api::update::v1::Acceptance acceptance;
        if (message.body().UnpackTo(&acceptance)) {
          accepted_[message.protocol_instance_id()] =
              history_.UpdateAccepted(message.protocol_instance_id(), "add",
                                      acceptance.accepted_request_sequencing_event_id());
        } else {
          history_.UpdateCompleted(message.protocol_instance_id(),
                                   accepted_.at(message.protocol_instance_id()));
        }
        return;
      }
      default:
        closed_ = true;
        history_.Completed();
    }
  }
  std::int64_t TimerOf(const temporal::api::command::v1::Command& command) {
    const std::string& id = command.start_timer_command_attributes().timer_id();
    return timers_[id] = history_.TimerStarted(static_cast<std::uint32_t>(std::stoul(id)));
  }
  bool Drop(std::int64_t id) {
    const auto size = open_.size();
    std::erase_if(open_, [id](const auto& one) { return one.second == id; });
    return open_.size() != size;
  }
  // One of what is open goes on, or a signal comes.
  void Happen() {
    if (open_.empty() || random_(5) == 0) {
      history_.Signaled("signal");
      return;
    }
    const auto at = open_.begin() + random_(static_cast<std::uint32_t>(open_.size()));
    const auto [kind, id] = *at;
    const bool well = random_(3) != 0;
    if (kind == 'i' && well) {
      history_.ChildStarted(id);
      at->first = 'c';
      return;
    }
    open_.erase(at);
    if (kind == 't') history_.TimerFired(id);
    if (kind == 'a')
      well ? history_.ActivityCompleted(id, "1") : history_.ActivityFailed(id, "broken");
    if (kind == 'i') history_.ChildStartFailed(id);
    if (kind == 'c') well ? history_.ChildCompleted(id, "1") : history_.ChildCanceled(id);
    if (kind == 's') well ? history_.SignalDelivered(id) : history_.SignalFailed(id);
    if (kind == 'x') well ? history_.CancelDelivered(id) : history_.CancelFailed(id);
  }

  Random random_;
  HistoryBuilder history_;
  std::vector<std::pair<char, std::int64_t>> open_;
  std::map<std::string, std::int64_t> timers_, accepted_;
  std::int64_t previous_started_ = 0;
  std::uint32_t buffered_ = 0;
  int updates_ = 0;
  bool closed_ = false;
};

// One whole run; what went wrong, or nothing.
std::string RunOnce(std::uint64_t seed) {
  const MakeScript script = [seed]() -> Script { return Code(seed); };
  std::vector<std::shared_ptr<Trace>> traces;
  const MakeProgram make = ProgramOf(script, &traces);
  const RunOptions options;
  Random random(seed + 1);
  Server server(seed + 2);
  auto run = std::make_unique<core::Run>(&options, &make);
  std::int64_t first = 1;
  for (int tasks = 0; !server.is_closed() && tasks < 40; ++tasks) {
    Task task = server.NextTask(first);
    const std::int64_t started = task.started_event_id();
    Step step = run->StartTask(std::move(task));
    if (std::holds_alternative<NeedHistory>(step)) {
      History page;
      for (std::int64_t id = 1; id < first; ++id)
        *page.add_events() = server.history().events(static_cast<int>(id) - 1);
      // In two pages, cut anywhere.
      const int cut = static_cast<int>(random(static_cast<std::uint32_t>(page.events_size())));
      History second;
      for (int i = cut; i < page.events_size(); ++i) *second.add_events() = page.events(i);
      page.mutable_events()->DeleteSubrange(cut, page.events_size() - cut);
      step = run->AddHistory(std::move(page), "second");
      if (!std::holds_alternative<NeedHistory>(step)) return "no second page was asked for";
      step = run->AddHistory(std::move(second), "");
    }
    if (!std::holds_alternative<CompleteTask>(step))
      return absl::StrCat("live: ", step.index(), FailureOf(step));
    const Request& request = std::get<CompleteTask>(step).request;
    server.Complete(request, started);
    run->TaskAccepted({});
    first = started + 1;
    if (random(4) == 0) run = std::make_unique<core::Run>(&options, &make);  // Out of the cache.
  }
  ReplayOptions replay;
  replay.at_every_task = true;
  std::vector<std::shared_ptr<Trace>> replayed;
  const ReplayResult result = ReplayHistory(server.history(), replay, ProgramOf(script, &replayed));
  if (!result.ok)
    return absl::StrCat("replay up to event ", result.last_event_id, ": ", result.message);
  if (server.is_closed() && replayed.back()->commands != traces.back()->commands) {
    return absl::StrCat("replay gave ", absl::StrJoin(replayed.back()->commands, " "),
                        " where live gave ", absl::StrJoin(traces.back()->commands, " "));
  }
  return {};
}

TEST(RandomCode, DoesTheSameLiveAndInReplay) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    ASSERT_EQ(RunOnce(seed), "") << "seed " << seed;
  }
}

}  // namespace
}  // namespace perdure::core
