#include "worker-sdk/client/schedule_convert.h"

#include <utility>

#include "worker-sdk/client/start_request.h"
#include "worker-sdk/core/convert.h"

namespace perdure::client {
namespace {

namespace message = temporal::api::schedule::v1;
using Ranges = google::protobuf::RepeatedPtrField<message::Range>;
using Times = google::protobuf::RepeatedPtrField<google::protobuf::Timestamp>;
using Actions = google::protobuf::RepeatedPtrField<message::ScheduleActionResult>;

void SetRanges(const std::vector<ScheduleRange>& from, ScheduleRange otherwise, Ranges* to) {
  const auto add = [to](const ScheduleRange& range) {
    message::Range* added = to->Add();
    added->set_start(range.start);
    added->set_end(range.end);
    added->set_step(range.step);
  };
  for (const ScheduleRange& range : from) add(range);
  if (from.empty()) add(otherwise);
}

std::vector<ScheduleRange> ReadRanges(const Ranges& from) {
  std::vector<ScheduleRange> ranges;
  for (const message::Range& range : from) {
    ranges.push_back({.start = range.start(),
                      .end = std::max(range.start(), range.end()),
                      .step = std::max(range.step(), 1)});
  }
  return ranges;
}

void SetCalendar(const ScheduleCalendar& from, message::StructuredCalendarSpec* to) {
  SetRanges(from.second, {0, 0, 1}, to->mutable_second());
  SetRanges(from.minute, {0, 0, 1}, to->mutable_minute());
  SetRanges(from.hour, {0, 0, 1}, to->mutable_hour());
  SetRanges(from.day_of_month, {1, 31, 1}, to->mutable_day_of_month());
  SetRanges(from.month, {1, 12, 1}, to->mutable_month());
  SetRanges(from.day_of_week, {0, 6, 1}, to->mutable_day_of_week());
  // Every year is what the server takes an empty list for.
  if (!from.year.empty()) SetRanges(from.year, {}, to->mutable_year());
  to->set_comment(from.comment);
}

ScheduleCalendar ReadCalendar(const message::StructuredCalendarSpec& from) {
  ScheduleCalendar calendar;
  calendar.second = ReadRanges(from.second());
  calendar.minute = ReadRanges(from.minute());
  calendar.hour = ReadRanges(from.hour());
  calendar.day_of_month = ReadRanges(from.day_of_month());
  calendar.month = ReadRanges(from.month());
  calendar.year = ReadRanges(from.year());
  calendar.day_of_week = ReadRanges(from.day_of_week());
  calendar.comment = from.comment();
  return calendar;
}

void SetSpec(const ScheduleSpec& from, message::ScheduleSpec* to) {
  to->clear_interval();
  to->clear_structured_calendar();
  to->clear_exclude_structured_calendar();
  to->clear_cron_string();
  for (const ScheduleInterval& interval : from.intervals) {
    message::IntervalSpec* added = to->add_interval();
    *added->mutable_interval() = core::ToApi(interval.every);
    if (interval.offset.count() != 0) *added->mutable_phase() = core::ToApi(interval.offset);
  }
  for (const auto& calendar : from.calendars) SetCalendar(calendar, to->add_structured_calendar());
  for (const auto& calendar : from.skip) {
    SetCalendar(calendar, to->add_exclude_structured_calendar());
  }
  for (const std::string& cron : from.cron) to->add_cron_string(cron);
  to->clear_start_time();
  to->clear_end_time();
  to->clear_jitter();
  if (from.start_time) *to->mutable_start_time() = core::ToApi(*from.start_time);
  if (from.end_time) *to->mutable_end_time() = core::ToApi(*from.end_time);
  if (from.jitter) *to->mutable_jitter() = core::ToApi(*from.jitter);
  to->set_timezone_name(from.time_zone);
}

ScheduleSpec ReadSpec(const message::ScheduleSpec& from) {
  ScheduleSpec spec;
  for (const auto& interval : from.interval()) {
    spec.intervals.push_back(
        {.every = core::FromApi(interval.interval()), .offset = core::FromApi(interval.phase())});
  }
  for (const auto& calendar : from.structured_calendar()) {
    spec.calendars.push_back(ReadCalendar(calendar));
  }
  for (const auto& calendar : from.exclude_structured_calendar()) {
    spec.skip.push_back(ReadCalendar(calendar));
  }
  spec.cron.assign(from.cron_string().begin(), from.cron_string().end());
  if (from.has_start_time()) spec.start_time = core::FromApi(from.start_time());
  if (from.has_end_time()) spec.end_time = core::FromApi(from.end_time());
  if (from.has_jitter()) spec.jitter = core::FromApi(from.jitter());
  spec.time_zone = from.timezone_name();
  return spec;
}

std::vector<Timestamp> ReadTimes(const Times& from) {
  std::vector<Timestamp> times;
  for (const auto& time : from) times.push_back(core::FromApi(time));
  return times;
}

std::vector<ScheduleAction> ReadActions(const Actions& from) {
  std::vector<ScheduleAction> actions;
  for (const auto& action : from) {
    actions.push_back({.scheduled_time = core::FromApi(action.schedule_time()),
                       .actual_time = core::FromApi(action.actual_time()),
                       .workflow_id = action.start_workflow_result().workflow_id(),
                       .run_id = action.start_workflow_result().run_id()});
  }
  return actions;
}

}  // namespace

void ToApi(Schedule schedule, message::Schedule* to) {
  SetSpec(schedule.spec, to->mutable_spec());
  // Read anew: what an empty field of the input leaves out must go.
  auto* start = to->mutable_action()->mutable_start_workflow();
  start->Clear();
  FillStart(std::move(schedule.action), start);
  auto* policies = to->mutable_policies();
  policies->set_overlap_policy(
      static_cast<temporal::api::enums::v1::ScheduleOverlapPolicy>(schedule.policy.overlap));
  policies->clear_catchup_window();
  if (schedule.policy.catchup_window) {
    *policies->mutable_catchup_window() = core::ToApi(*schedule.policy.catchup_window);
  }
  policies->set_pause_on_failure(schedule.policy.pause_on_failure);
  policies->set_keep_original_workflow_id(schedule.policy.keep_workflow_id);
  to->mutable_state()->set_notes(schedule.state.note);
  to->mutable_state()->set_paused(schedule.state.is_paused);
  to->mutable_state()->set_limited_actions(schedule.state.remaining_actions.has_value());
  to->mutable_state()->set_remaining_actions(schedule.state.remaining_actions.value_or(0));
}

Schedule FromApi(message::Schedule from) {
  Schedule schedule;
  schedule.spec = ReadSpec(from.spec());
  schedule.action = ReadStart(std::move(*from.mutable_action()->mutable_start_workflow()));
  const auto& policies = from.policies();
  schedule.policy.overlap = static_cast<schedule_overlap>(policies.overlap_policy());
  if (policies.has_catchup_window()) {
    schedule.policy.catchup_window = core::FromApi(policies.catchup_window());
  }
  schedule.policy.pause_on_failure = policies.pause_on_failure();
  schedule.policy.keep_workflow_id = policies.keep_original_workflow_id();
  schedule.state.note = from.state().notes();
  schedule.state.is_paused = from.state().paused();
  if (from.state().limited_actions()) {
    schedule.state.remaining_actions = from.state().remaining_actions();
  }
  return schedule;
}

ScheduleDescription FromApi(std::string id,
                            temporal::api::workflowservice::v1::DescribeScheduleResponse from) {
  ScheduleDescription description;
  description.id = std::move(id);
  description.schedule = FromApi(std::move(*from.mutable_schedule()));
  const auto& info = from.info();
  description.action_count = info.action_count();
  description.missed_catchup_window = info.missed_catchup_window();
  description.overlap_skipped = info.overlap_skipped();
  for (const auto& run : info.running_workflows()) {
    description.running_workflows.emplace_back(run.workflow_id(), run.run_id());
  }
  description.recent_actions = ReadActions(info.recent_actions());
  description.next_action_times = ReadTimes(info.future_action_times());
  if (info.has_create_time()) description.created = core::FromApi(info.create_time());
  if (info.has_update_time()) description.updated = core::FromApi(info.update_time());
  description.memo = core::FromApi(std::move(*from.mutable_memo()));
  description.search_attributes = core::FromApi(std::move(*from.mutable_search_attributes()));
  return description;
}

ScheduleListEntry FromApi(message::ScheduleListEntry from) {
  ScheduleListEntry entry;
  entry.id = from.schedule_id();
  entry.workflow_type = from.info().workflow_type().name();
  entry.note = from.info().notes();
  entry.is_paused = from.info().paused();
  entry.spec = ReadSpec(from.info().spec());
  entry.recent_actions = ReadActions(from.info().recent_actions());
  entry.next_action_times = ReadTimes(from.info().future_action_times());
  entry.memo = core::FromApi(std::move(*from.mutable_memo()));
  entry.search_attributes = core::FromApi(std::move(*from.mutable_search_attributes()));
  return entry;
}

}  // namespace perdure::client
