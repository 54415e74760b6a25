#include "machines/workflow/history_checker.h"

#include <map>
#include <optional>

#include "absl/strings/str_cat.h"

namespace perdure::machines {
namespace {

namespace enums = temporal::api::enums::v1;
using temporal::api::history::v1::HistoryEvent;

class Judge {
 public:
  explicit Judge(HistoryRules rules) : rules_(rules) {}

  void See(const HistoryEvent& event) {
    event_ = &event;
    if (event.event_id() != ++last_id_) {
      Say(absl::StrCat("its id should be ", last_id_));
      last_id_ = event.event_id();
    }
    if (close_id_ != 0) Say(absl::StrCat("it follows the close event ", close_id_));
    if (!event.has_event_time()) Say("it has no time");
    const bool is_started = event.event_type() == enums::EVENT_TYPE_WORKFLOW_EXECUTION_STARTED;
    if ((event.event_id() == 1) != is_started) Say("the first event, and no other, is Started");
    if (task_started_ != 0 && !IsTaskEnd(event.event_type())) {
      Say(absl::StrCat("it came while workflow task ", task_started_, " was started"));
    }
    if (!SeeTask(event) && !SeeActivity(event) && !SeeTimer(event) && !SeeChild(event) &&
        !SeeExternal(event) && !SeeUpdate(event)) {
      SeeOther(event);
    }
  }

  std::vector<std::string> Finish() { return std::move(wrongs_); }

 private:
  struct Entity {
    std::string id;
    int64_t started = 0;
    bool is_closed = false;
  };
  using Entities = std::map<int64_t, Entity>;  // by their first event

  void Say(std::string what) {
    wrongs_.push_back(absl::StrCat("event ", event_->event_id(), " ",
                                   enums::EventType_Name(event_->event_type()), ": ", what));
  }

  static bool IsTaskEnd(enums::EventType type) {
    return type == enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED ||
           type == enums::EVENT_TYPE_WORKFLOW_TASK_FAILED ||
           type == enums::EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT;
  }

  // --- Workflow tasks
  template <class Attributes>
  void EndTask(const Attributes& a) {
    if (a.scheduled_event_id() != task_scheduled_ || task_scheduled_ == 0) {
      Say(absl::StrCat("it names scheduled event ", a.scheduled_event_id(), ", not ",
                       task_scheduled_));
    }
    if (a.started_event_id() != task_started_) {
      Say(absl::StrCat("it names started event ", a.started_event_id(), ", not ", task_started_));
    }
    task_scheduled_ = 0;
    task_started_ = 0;
  }

  bool SeeTask(const HistoryEvent& event) {
    switch (event.event_type()) {
      case enums::EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
        if (task_scheduled_ != 0) Say(absl::StrCat("task ", task_scheduled_, " is still pending"));
        task_scheduled_ = event.event_id();
        return true;
      case enums::EVENT_TYPE_WORKFLOW_TASK_STARTED:
        if (task_scheduled_ == 0) Say("no task is scheduled");
        if (event.workflow_task_started_event_attributes().scheduled_event_id() !=
            task_scheduled_) {
          Say("it names another scheduled event");
        }
        task_started_ = event.event_id();
        return true;
      case enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
        if (task_started_ == 0) Say("no task is started");
        EndTask(event.workflow_task_completed_event_attributes());
        last_completed_ = event.event_id();
        return true;
      case enums::EVENT_TYPE_WORKFLOW_TASK_FAILED:
        EndTask(event.workflow_task_failed_event_attributes());
        return true;
      case enums::EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
        EndTask(event.workflow_task_timed_out_event_attributes());
        return true;
      default:
        return false;
    }
  }

  // An event made by a command names the completion that brought it.
  template <class Attributes>
  void ByCommand(const Attributes& a) {
    if (a.workflow_task_completed_event_id() != last_completed_ || last_completed_ == 0) {
      Say(absl::StrCat("it names completed task ", a.workflow_task_completed_event_id(), ", not ",
                       last_completed_));
    }
  }

  // --- Activities, timers, children
  // No check that the id is free: what closed while a task was out gives its id free for that
  // task's commands, and its close event follows them.
  void Open(Entities& entities, std::string id) { entities[event_->event_id()].id = std::move(id); }
  Entity* Find(Entities& entities, int64_t first) {
    const auto found = entities.find(first);
    if (found == entities.end()) {
      Say(absl::StrCat("it names event ", first, ", which began nothing of the kind"));
      return nullptr;
    }
    if (found->second.is_closed) Say(absl::StrCat("what event ", first, " began is closed"));
    return &found->second;
  }
  void Start(Entities& entities, int64_t first) {
    Entity* entity = Find(entities, first);
    if (entity == nullptr) return;
    if (entity->started != 0) Say(absl::StrCat("it was started by event ", entity->started));
    entity->started = event_->event_id();
  }
  void Close(Entities& entities, int64_t first, int64_t started, bool needs_start) {
    Entity* entity = Find(entities, first);
    if (entity == nullptr) return;
    if (entity->started != started) {
      Say(absl::StrCat("it names started event ", started, ", not ", entity->started));
    }
    if (needs_start && entity->started == 0) Say("it was never started");
    entity->is_closed = true;
  }

  bool SeeActivity(const HistoryEvent& event) {
    const auto close = [this](const auto& a, bool needs_start) {
      Close(activities_, a.scheduled_event_id(), a.started_event_id(), needs_start);
      return true;
    };
    switch (event.event_type()) {
      case enums::EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
        ByCommand(event.activity_task_scheduled_event_attributes());
        Open(activities_, event.activity_task_scheduled_event_attributes().activity_id());
        return true;
      case enums::EVENT_TYPE_ACTIVITY_TASK_STARTED:
        Start(activities_, event.activity_task_started_event_attributes().scheduled_event_id());
        return true;
      case enums::EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
        return close(event.activity_task_completed_event_attributes(), true);
      case enums::EVENT_TYPE_ACTIVITY_TASK_FAILED:
        return close(event.activity_task_failed_event_attributes(), true);
      case enums::EVENT_TYPE_ACTIVITY_TASK_CANCELED:
        return close(event.activity_task_canceled_event_attributes(), false);
      case enums::EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
        return close(event.activity_task_timed_out_event_attributes(), false);
      case enums::EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED:
        ByCommand(event.activity_task_cancel_requested_event_attributes());
        (void)Find(activities_,
                   event.activity_task_cancel_requested_event_attributes().scheduled_event_id());
        return true;
      default:
        return false;
    }
  }

  bool SeeTimer(const HistoryEvent& event) {
    const auto close = [this](const auto& a) {
      Entity* timer = Find(timers_, a.started_event_id());
      if (timer == nullptr) return;
      if (timer->id != a.timer_id()) Say("it names another timer id than the timer's");
      timer->is_closed = true;
    };
    switch (event.event_type()) {
      case enums::EVENT_TYPE_TIMER_STARTED:
        ByCommand(event.timer_started_event_attributes());
        Open(timers_, event.timer_started_event_attributes().timer_id());
        return true;
      case enums::EVENT_TYPE_TIMER_FIRED:
        close(event.timer_fired_event_attributes());
        return true;
      case enums::EVENT_TYPE_TIMER_CANCELED:
        ByCommand(event.timer_canceled_event_attributes());
        close(event.timer_canceled_event_attributes());
        return true;
      default:
        return false;
    }
  }

  bool SeeChild(const HistoryEvent& event) {
    const auto close = [this](const auto& a) {
      Close(children_, a.initiated_event_id(), a.started_event_id(), true);
      return true;
    };
    switch (event.event_type()) {
      case enums::EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
        ByCommand(event.start_child_workflow_execution_initiated_event_attributes());
        // A second child of that workflow id may be asked for: its start fails.
        Open(children_, "");
        return true;
      case enums::EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED:
        Close(children_,
              event.start_child_workflow_execution_failed_event_attributes().initiated_event_id(),
              0, false);
        return true;
      case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED:
        Start(children_,
              event.child_workflow_execution_started_event_attributes().initiated_event_id());
        return true;
      case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
        return close(event.child_workflow_execution_completed_event_attributes());
      case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED:
        return close(event.child_workflow_execution_failed_event_attributes());
      case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED:
        return close(event.child_workflow_execution_canceled_event_attributes());
      case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
        return close(event.child_workflow_execution_timed_out_event_attributes());
      case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED:
        return close(event.child_workflow_execution_terminated_event_attributes());
      default:
        return false;
    }
  }

  // --- Signals and cancel requests to others
  bool SeeExternal(const HistoryEvent& event) {
    const auto close = [this](Entities& entities, const auto& a) {
      Entity* entity = Find(entities, a.initiated_event_id());
      if (entity != nullptr) entity->is_closed = true;
      return true;
    };
    switch (event.event_type()) {
      case enums::EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
        ByCommand(event.signal_external_workflow_execution_initiated_event_attributes());
        Open(signals_, "");
        return true;
      case enums::EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED:
        return close(signals_, event.external_workflow_execution_signaled_event_attributes());
      case enums::EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED:
        return close(signals_, event.signal_external_workflow_execution_failed_event_attributes());
      case enums::EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
        ByCommand(event.request_cancel_external_workflow_execution_initiated_event_attributes());
        Open(cancels_, "");
        return true;
      case enums::EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
        return close(cancels_,
                     event.external_workflow_execution_cancel_requested_event_attributes());
      case enums::EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED:
        return close(cancels_,
                     event.request_cancel_external_workflow_execution_failed_event_attributes());
      default:
        return false;
    }
  }

  bool SeeUpdate(const HistoryEvent& event) {
    switch (event.event_type()) {
      case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED:
        return true;
      case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: {
        const auto& a = event.workflow_execution_update_accepted_event_attributes();
        for (const auto& [first, update] : updates_) {
          if (update.id == a.protocol_instance_id()) {
            Say(absl::StrCat("update ", update.id, " was accepted by event ", first));
          }
        }
        updates_[event.event_id()].id = a.protocol_instance_id();
        return true;
      }
      case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED: {
        const auto& a = event.workflow_execution_update_completed_event_attributes();
        Entity* update = Find(updates_, a.accepted_event_id());
        if (update == nullptr) return true;
        if (update->id != a.meta().update_id()) Say("it names another update than its acceptance");
        update->is_closed = true;
        return true;
      }
      default:
        return false;
    }
  }

  void SeeOther(const HistoryEvent& event) {
    switch (event.event_type()) {
      case enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
        ByCommand(event.workflow_execution_completed_event_attributes());
        close_id_ = event.event_id();
        return;
      case enums::EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
        ByCommand(event.workflow_execution_failed_event_attributes());
        close_id_ = event.event_id();
        return;
      case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
        ByCommand(event.workflow_execution_canceled_event_attributes());
        close_id_ = event.event_id();
        return;
      case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
      case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
      case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
        close_id_ = event.event_id();
        return;
      case enums::EVENT_TYPE_MARKER_RECORDED:
        ByCommand(event.marker_recorded_event_attributes());
        return;
      case enums::EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
        ByCommand(event.upsert_workflow_search_attributes_event_attributes());
        return;
      case enums::EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED:
        ByCommand(event.workflow_properties_modified_event_attributes());
        return;
      case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
        if (is_cancel_requested_ && !rules_.is_reset) Say("cancellation was requested before");
        is_cancel_requested_ = true;
        return;
      case enums::EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED:
      case enums::EVENT_TYPE_WORKFLOW_EXECUTION_PAUSED:
      case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UNPAUSED:
        if (!event.worker_may_ignore()) Say("an SDK that does not know it may not pass it over");
        return;
      case enums::EVENT_TYPE_UNSPECIFIED:
        Say("it has no type");
        return;
      default:
        return;
    }
  }

  const HistoryRules rules_;
  const HistoryEvent* event_ = nullptr;
  std::vector<std::string> wrongs_;
  int64_t last_id_ = 0;
  int64_t close_id_ = 0;
  int64_t task_scheduled_ = 0;
  int64_t task_started_ = 0;
  int64_t last_completed_ = 0;
  bool is_cancel_requested_ = false;
  Entities activities_;
  Entities timers_;
  Entities children_;
  Entities signals_;
  Entities cancels_;
  Entities updates_;
};

}  // namespace

std::vector<std::string> CheckHistory(const std::vector<HistoryEvent>& events, HistoryRules rules) {
  Judge judge(rules);
  for (const HistoryEvent& event : events) judge.See(event);
  return judge.Finish();
}

}  // namespace perdure::machines
