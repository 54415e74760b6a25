// What the world has seen and was promised: the checker holds the engine to it. Value; ordered
// containers throughout, for it is walked.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "sim/linearizability.h"
#include "sim/program.h"

namespace perdure::sim {

// Of resets, and so of the ends that they bring.
inline constexpr char kResetReason[] = "reset";

struct Promise {
  bool is_acknowledged = false;
};

struct WorkflowRecord {
  uint64_t seed = 0;
  bool is_started = false;   // acknowledged
  std::string first_run_id;  // as acknowledged
  bool may_be_cancelled = false;
  bool may_be_terminated = false;
  std::map<std::string, Promise> signals;  // by unique input
  // Outcome text by update id, as acknowledged; "" if only accepted.
  std::map<std::string, std::string> updates;
  std::set<std::string> rejected_updates;
  bool is_closed = false;  // seen by its client
  bool may_be_reset = false;
  std::map<std::string, std::string> resets;  // acknowledged: run reset to, and from
  std::vector<SentRequest> requests;
  // A new attempt does not know what came to the one before, and a reset may change the order.
  bool has_one_log() const {
    return !may_be_reset && MakeProgram({.seed = seed}).attempts_max <= 1;
  }
  std::map<std::string, int64_t> lengths;  // of histories, by run: the longest that was shown
};

// Of a workflow that goes on by cron or retry.
struct ChainRecord {
  std::string first_run_id;  // as acknowledged; "" if only its being there was
  bool is_started = false;
  std::map<std::string, Promise> signals;     // by unique input
  std::map<std::string, std::string> resets;  // acknowledged: run reset to, and from
  std::set<std::string> links_seen;           // named by the end of the run before
  bool is_cancelled = false;                  // acknowledged, and it ran on
  bool is_terminated = false;                 // … as the last that was done to it
};

// Of a namespace whose closed runs go soon.
inline constexpr char kBriefNamespace[] = "brief";
struct RetentionRecord {
  absl::Duration retention;
  // How far a server's clock was off at first; attackers make it jump.
  absl::Duration clock_error;
  std::map<std::string, std::string> open_runs;  // and their ids: never closed
  std::map<std::string, std::string> gone_runs;  // somebody was told that they are not there
};

struct Ledger {
  std::map<std::string, WorkflowRecord> workflows;
  std::map<std::string, ChainRecord> chains;
  RetentionRecord brief;
  // How often an attempt of an activity that may run once reached a worker: by run id and activity.
  std::map<std::pair<std::string, std::string>, int> single_starts;
  // Paused activities, by run id and activity: attempts from that one on must not begin.
  std::map<std::pair<std::string, std::string>, int64_t> paused_from;
  std::map<std::pair<std::string, std::string>, int64_t> unpauses;  // sent
  // Serialized events that somebody has seen, by run id and event id.
  std::map<std::pair<std::string, int64_t>, std::string> events_seen;
  std::map<std::string, std::string> workflow_of_run;
  std::set<std::string> deleted_runs;  // acknowledged
  std::set<std::string> reusable_ids;  // of workflows: begun again after a deletion
  // What went wrong while running.
  std::vector<std::string> wrongs;
  std::map<std::string, int64_t> counts;

  void Count(const std::string& what) { ++counts[what]; }
  // Each moment at which a request is sent or answered is another one.
  int64_t Tick() { return ++moment_; }
  void Wrong(std::string what) { wrongs.push_back(std::move(what)); }
  // An event is the same whenever and by whomever it is seen.
  void SeeEvent(const std::string& run_id, int64_t event_id, const std::string& bytes) {
    // Of whichever run was current.
    if (run_id.empty()) return;
    const auto [entry, is_new] = events_seen.emplace(std::pair(run_id, event_id), bytes);
    if (!is_new && entry->second != bytes) {
      Wrong(absl::StrCat("event ", event_id, " of run ", run_id, " was seen in two forms"));
    }
  }

 private:
  int64_t moment_ = 0;
};

}  // namespace perdure::sim
