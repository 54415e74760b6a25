// Schedules: workflows that the server starts at times.
//
//   auto schedules = client.schedules();
//   auto nightly = schedules.create<&Report::run>("nightly", {.intervals = {{.every = 24h}}},
//                                                 {.task_queue = "reports"}, "eu");
//   nightly.pause("holidays");
//
// Handles and the client are values, thread-safe. Calls block and throw RpcError: not_found for a
// schedule that is not there, already_exists for an id in use.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "perdure/client.h"

namespace perdure {

// From `start` to `end`, both included (end below start: start alone), every `step`.
struct ScheduleRange {
  int start = 0;
  int end = 0;
  int step = 1;
};

// All times that fit every field. An empty one means: second, minute and hour 0; every day, month
// and year.
struct ScheduleCalendar {
  std::vector<ScheduleRange> second = {}, minute = {}, hour = {};
  std::vector<ScheduleRange> day_of_month = {}, month = {}, year = {};
  std::vector<ScheduleRange> day_of_week = {};  // 0 is Sunday.
  std::string comment = {};
};

// At `offset` after each multiple of `every` since 1970.
struct ScheduleInterval {
  std::chrono::nanoseconds every{};
  std::chrono::nanoseconds offset{};
};

// All times of all calendars, intervals and cron lines, except what `skip` has.
struct ScheduleSpec {
  std::vector<ScheduleInterval> intervals = {};
  std::vector<ScheduleCalendar> calendars = {};
  std::vector<std::string> cron = {};  // The server keeps them as calendars.
  std::vector<ScheduleCalendar> skip = {};
  std::optional<Timestamp> start_time = {}, end_time = {};
  std::optional<std::chrono::nanoseconds> jitter = {};  // Each time is late by up to this.
  std::string time_zone = {};                           // As "Europe/Berlin"; empty: UTC.
};

// What happens while the workflow started before still runs. The numbers are the API's.
enum class schedule_overlap {
  unspecified,  // The server's default: skip.
  skip,
  buffer_one,
  buffer_all,
  cancel_other,
  terminate_other,
  allow_all,
};

struct SchedulePolicy {
  schedule_overlap overlap = schedule_overlap::unspecified;
  std::optional<std::chrono::nanoseconds> catchup_window = {};  // Absent: the server's, a year.
  bool pause_on_failure = false;
  bool keep_workflow_id = false;  // Without the time in the started workflows' ids.
};

struct ScheduleState {
  std::string note = {};
  bool is_paused = false;
  std::optional<std::int64_t> remaining_actions = {};  // Absent: no limit.
};

struct Schedule {
  ScheduleSpec spec;
  StartInput action;  // What is started; ids and times are the server's.
  SchedulePolicy policy;
  ScheduleState state;
};

struct ScheduleAction {
  Timestamp scheduled_time{}, actual_time{};
  std::string workflow_id, run_id;
};

struct ScheduleDescription {
  std::string id;
  Schedule schedule;
  std::int64_t action_count = 0;
  std::int64_t missed_catchup_window = 0, overlap_skipped = 0;
  std::vector<std::pair<std::string, std::string>> running_workflows;  // Workflow and run id.
  std::vector<ScheduleAction> recent_actions;
  std::vector<Timestamp> next_action_times;
  Timestamp created{};
  std::optional<Timestamp> updated;
  PayloadMap memo, search_attributes;
};

struct ScheduleListEntry {
  std::string id;
  std::string workflow_type;
  std::string note;
  bool is_paused = false;
  ScheduleSpec spec;
  std::vector<ScheduleAction> recent_actions;
  std::vector<Timestamp> next_action_times;
  PayloadMap memo, search_attributes;
};

// Beyond the workflow's own start_options.
struct ScheduleOptions {
  SchedulePolicy policy = {};
  ScheduleState state = {};
  bool trigger_immediately = false;
  PayloadMap memo = {}, search_attributes = {};  // Of the schedule, not of its workflows.
};

// ---- The calls as interceptors see them ----

struct CreateScheduleInput {
  std::string schedule_id;
  Schedule schedule;
  bool trigger_immediately = false;
  PayloadMap memo, search_attributes;
};
struct ScheduleTarget {
  std::string schedule_id;
};
struct UpdateScheduleInput {
  std::string schedule_id;
  // Called again where somebody else wrote meanwhile.
  std::function<void(Schedule&)> change;
};
struct ScheduleBackfill {
  Timestamp from{}, to{};
  schedule_overlap overlap{};
};
struct PatchScheduleInput {
  std::string schedule_id;
  std::optional<std::string> pause, unpause;  // Notes.
  std::optional<schedule_overlap> trigger;
  std::vector<ScheduleBackfill> backfills;
};
struct ListSchedulesInput {
  std::string query;
  std::string page_token;
};
struct ListSchedulesOutput {
  std::vector<ScheduleListEntry> entries;
  std::string page_token;  // Empty at the end.
};

class ScheduleHandle {
 public:
  ScheduleHandle(std::shared_ptr<ClientCalls> calls, std::string id)
      : calls_(std::move(calls)), id_(std::move(id)) {}
  const std::string& id() const { return id_; }
  // As Client::with_stop.
  ScheduleHandle with_stop(std::stop_token stop) const;

  ScheduleDescription describe() const;
  // Reads the schedule, lets `change` change it, and writes it back; again where somebody else
  // wrote meanwhile.
  void update(const std::function<void(Schedule&)>& change) const;
  void pause(std::string_view note = "Paused via C++ SDK") const;
  void unpause(std::string_view note = "Unpaused via C++ SDK") const;
  // Starts the workflow now.
  void trigger(schedule_overlap overlap = schedule_overlap::unspecified) const;
  // Starts what would have been started in the past, times from `from` (excluded) to `to`.
  void backfill(Timestamp from, Timestamp to,
                schedule_overlap overlap = schedule_overlap::unspecified) const;
  // Workflows that were started go on.
  void remove() const;

 private:
  std::shared_ptr<ClientCalls> calls_;  // Shared with the client and its handles.
  std::string id_;
};

// An input range, fetched a page at a time; incrementing may call the server.
class ScheduleList {
 public:
  ScheduleList(std::shared_ptr<ClientCalls> calls, std::string query)
      : calls_(std::move(calls)), query_(std::move(query)) {}

  class iterator {
   public:
    using value_type = ScheduleListEntry;
    using difference_type = std::ptrdiff_t;
    using reference = const ScheduleListEntry&;
    using iterator_concept = std::input_iterator_tag;
    reference operator*() const { return state_->page.entries[state_->index]; }
    const ScheduleListEntry* operator->() const { return &**this; }
    iterator& operator++() {
      ++state_->index;
      state_->fill();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const {
      return state_->index == state_->page.entries.size();
    }

   private:
    friend class ScheduleList;
    struct State {
      void fill();
      std::shared_ptr<ClientCalls> calls;
      ListSchedulesInput input;
      ListSchedulesOutput page;
      std::size_t index = 0;
      bool is_started = false;
    };
    std::shared_ptr<State> state_;  // Shared by copies, which are at one place.
  };

  iterator begin() const;
  std::default_sentinel_t end() const { return {}; }

 private:
  std::shared_ptr<ClientCalls> calls_;
  std::string query_;
};

class ScheduleClient {
 public:
  explicit ScheduleClient(std::shared_ptr<ClientCalls> calls) : calls_(std::move(calls)) {}

  // `start`: how the workflow is started each time. Its id, to which the server adds the time, is
  // the schedule's where it is left out; conflict policy, delay, eager start and request id have no
  // meaning.
  template <auto Run, class... A>
  ScheduleHandle create(std::string_view id, ScheduleSpec spec, const start_options& start,
                        A&&... arguments) const {
    return create_with<Run>(id, std::move(spec), start, {}, std::forward<A>(arguments)...);
  }
  template <auto Run, class... A>
  ScheduleHandle create_with(std::string_view id, ScheduleSpec spec, const start_options& start,
                             ScheduleOptions options, A&&... arguments) const {
    return send_create(id, detail::workflow_name<Run>(), std::move(spec), start, std::move(options),
                       detail::encode_arguments<Run>(std::forward<A>(arguments)...));
  }
  template <class... A>
  ScheduleHandle create_by_name(std::string_view id, std::string_view workflow_type,
                                ScheduleSpec spec, const start_options& start,
                                ScheduleOptions options, const A&... arguments) const {
    return send_create(id, workflow_type, std::move(spec), start, std::move(options),
                       detail::encode_untyped_inputs(arguments...));
  }
  ScheduleHandle handle(std::string_view id) const { return {calls_, std::string(id)}; }
  ScheduleList list(std::string_view query = {}) const { return {calls_, std::string(query)}; }

 private:
  ScheduleHandle send_create(std::string_view id, std::string_view workflow_type, ScheduleSpec spec,
                             const start_options& start, ScheduleOptions options,
                             Payloads arguments) const;

  std::shared_ptr<ClientCalls> calls_;
};

}  // namespace perdure
