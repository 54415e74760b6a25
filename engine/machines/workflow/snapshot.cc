#include <string>

#include "machines/workflow/state.h"

namespace perdure::machines {
namespace {

// What a snapshot keeps of something else than its event.
constexpr int64_t kEntryBytes = 64;

EventPtr Share(const HistoryEvent& event) { return std::make_shared<const HistoryEvent>(event); }

}  // namespace

pb::Snapshot State::ToSnapshot() const {
  pb::Snapshot out;
  out.set_version(1);
  *out.mutable_info() = info;
  // A speculative task exists only in memory.
  if (info.workflow_task().type() == pb::WorkflowTask::SPECULATIVE) {
    out.mutable_info()->clear_workflow_task();
  }
  out.mutable_info()->set_close_attempted(false);
  if (started_event != nullptr) *out.mutable_started_event() = *started_event;
  if (close_event != nullptr) *out.mutable_close_event() = *close_event;
  for (const EventId id : record_first_event_ids) out.add_record_first_event_ids(id);
  for (const EventId id : activities.Keys()) {
    const Activity& activity = *activities.Find(id);
    *out.add_activities() = activity.info;
    *out.add_activity_events() = *activity.scheduled;
  }
  for (const EventId id : timers.Keys()) *out.add_timers() = *timers.Find(id);
  for (const EventId id : children.Keys()) {
    const Child& child = *children.Find(id);
    *out.add_children() = child.info;
    *out.add_child_events() = *child.initiated;
  }
  for (const EventId id : pending_signals.Keys()) {
    *out.add_pending_signals() = **pending_signals.Find(id);
  }
  for (const EventId id : pending_cancels.Keys()) {
    *out.add_pending_cancels() = **pending_cancels.Find(id);
  }
  for (const std::string& id : updates.Keys()) *out.add_updates() = *updates.Find(id);
  for (const int64_t key : admitted_order.Keys()) {
    const pb::AdmittedUpdate& update = *admitted_updates.Find(*admitted_order.Find(key));
    if (update.admitted_event_id() == 0) continue;
    pb::AdmittedUpdate& kept = *out.add_admitted_updates();
    kept = update;
    kept.set_is_sent(false);
  }
  for (const std::string& id : signal_request_ids.Keys()) out.add_signal_request_ids(id);
  for (const std::string& id : request_ids.Keys()) *out.add_request_ids() = *request_ids.Find(id);
  for (const int64_t key : buffered_events.Keys()) {
    *out.add_buffered_events() = **buffered_events.Find(key);
  }
  for (const uint64_t id : outbox.Keys()) *out.add_outbox() = *outbox.Find(id);
  for (const std::string& name : memo.Keys()) (*out.mutable_memo())[name] = *memo.Find(name);
  for (const std::string& name : search_attributes.Keys()) {
    (*out.mutable_search_attributes())[name] = *search_attributes.Find(name);
  }
  for (const int64_t key : reset_points.Keys()) *out.add_reset_points() = *reset_points.Find(key);
  for (const int64_t key : callbacks.Keys()) *out.add_callbacks() = *callbacks.Find(key);
  return out;
}

int64_t State::SizeBytes() const {
  size_t size = info.ByteSizeLong();
  for (const EventId id : activities.Keys()) size += activities.Find(id)->info.ByteSizeLong();
  for (const EventId id : timers.Keys()) size += timers.Find(id)->ByteSizeLong();
  for (const EventId id : children.Keys()) size += children.Find(id)->info.ByteSizeLong();
  size += static_cast<size_t>((pending_signals.size() + pending_cancels.size()) * kEntryBytes);
  for (const std::string& id : updates.Keys()) size += updates.Find(id)->ByteSizeLong();
  for (const std::string& id : signal_request_ids.Keys()) size += id.size();
  for (const std::string& id : request_ids.Keys()) size += request_ids.Find(id)->ByteSizeLong();
  for (const int64_t key : buffered_events.Keys()) {
    size += (*buffered_events.Find(key))->ByteSizeLong();
  }
  for (const uint64_t id : outbox.Keys()) size += outbox.Find(id)->ByteSizeLong();
  for (const std::string& name : memo.Keys()) size += name.size() + memo.Find(name)->ByteSizeLong();
  for (const std::string& name : search_attributes.Keys()) {
    size += name.size() + search_attributes.Find(name)->ByteSizeLong();
  }
  for (const int64_t key : reset_points.Keys()) size += reset_points.Find(key)->ByteSizeLong();
  for (const int64_t key : callbacks.Keys()) size += callbacks.Find(key)->ByteSizeLong();
  return static_cast<int64_t>(size);
}

State State::FromSnapshot(const pb::Snapshot& snapshot) {
  State state;
  state.info = snapshot.info();
  if (snapshot.has_started_event()) state.started_event = Share(snapshot.started_event());
  if (snapshot.has_close_event()) state.close_event = Share(snapshot.close_event());
  state.record_first_event_ids.assign(snapshot.record_first_event_ids().begin(),
                                      snapshot.record_first_event_ids().end());
  for (int i = 0; i < snapshot.activities_size(); ++i) {
    const EventPtr scheduled = Share(snapshot.activity_events(i));
    const pb::PendingActivity& info = snapshot.activities(i);
    state.activity_ids.Put(scheduled->activity_task_scheduled_event_attributes().activity_id(),
                           info.scheduled_event_id());
    state.activities.Put(info.scheduled_event_id(), Activity{scheduled, info, false});
  }
  for (const pb::PendingTimer& timer : snapshot.timers()) {
    state.timers.Put(timer.started_event_id(), timer);
    state.timer_ids.Put(timer.timer_id(), timer.started_event_id());
  }
  for (int i = 0; i < snapshot.children_size(); ++i) {
    const pb::PendingChild& info = snapshot.children(i);
    state.children.Put(info.initiated_event_id(), Child{Share(snapshot.child_events(i)), info});
  }
  for (const HistoryEvent& event : snapshot.pending_signals()) {
    state.pending_signals.Put(event.event_id(), Share(event));
  }
  for (const HistoryEvent& event : snapshot.pending_cancels()) {
    state.pending_cancels.Put(event.event_id(), Share(event));
  }
  for (const pb::UpdateState& update : snapshot.updates()) {
    state.updates.Put(update.update_id(), update);
    if (update.completed_event_id() == 0) ++state.open_update_count;
  }
  for (const pb::AdmittedUpdate& update : snapshot.admitted_updates()) state.AddAdmitted(update);
  for (const std::string& id : snapshot.signal_request_ids()) {
    state.signal_request_ids.Put(id, true);
  }
  for (const pb::RequestId& id : snapshot.request_ids()) state.request_ids.Put(id.request_id(), id);
  for (const HistoryEvent& event : snapshot.buffered_events()) {
    state.buffered_events.Put(++state.last_buffer_key_, Share(event));
  }
  for (const pb::OutboxMessage& message : snapshot.outbox()) {
    state.outbox.Put(message.id(), message);
  }
  for (const auto& [name, payload] : snapshot.memo()) state.memo.Put(name, payload);
  for (const auto& [name, payload] : snapshot.search_attributes()) {
    state.search_attributes.Put(name, payload);
  }
  int64_t key = 0;
  for (const auto& point : snapshot.reset_points()) state.reset_points.Put(++key, point);
  key = 0;
  for (const auto& callback : snapshot.callbacks()) state.callbacks.Put(++key, callback);
  state.ReindexAll();
  return state;
}

}  // namespace perdure::machines
