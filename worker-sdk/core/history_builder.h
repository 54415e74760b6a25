// Histories for tests, event by event. Ids count up, each event is a second after the one before.
//
//   HistoryBuilder history;
//   history.Start();
//   history.Task();                          // scheduled, started, completed
//   const auto timer = history.TimerStarted(1);
//   history.TimerFired(timer);
//   history.OpenTask();                      // scheduled, started
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "temporal/api/history/v1/message.pb.h"

namespace perdure::core {

class HistoryBuilder {
 public:
  using Event = temporal::api::history::v1::HistoryEvent;
  using Id = std::int64_t;

  // Adds an event whose attributes the caller fills in.
  Event& Add(temporal::api::enums::v1::EventType type);
  Id Start(const std::string& type = "Test");
  Id TaskScheduled();
  Id TaskStarted();
  // The first completion names core flags 1 to 3, as one of this SDK would.
  Id TaskCompleted();
  Id TaskFailed(temporal::api::enums::v1::WorkflowTaskFailedCause cause);
  Id TaskTimedOut();
  Id OpenTask();
  Id Task();
  Id TimerStarted(std::uint32_t seq);
  Id TimerFired(Id started);
  Id TimerCanceled(Id started);
  Id ActivityScheduled(const std::string& activity_id, const std::string& type);
  Id ActivityStarted(Id scheduled);
  Id ActivityCompleted(Id scheduled, const std::string& json);
  Id ActivityFailed(Id scheduled, const std::string& message);
  Id ActivityTimedOut(Id scheduled);
  Id ActivityCancelRequested(Id scheduled);
  Id ActivityCanceled(Id scheduled);
  Id Signaled(const std::string& name, const std::string& json = "null");
  Id CancelRequested();
  Id ChildInitiated(const std::string& workflow_id, const std::string& type);
  Id ChildStarted(Id initiated);
  Id ChildStartFailed(Id initiated);
  Id ChildCompleted(Id initiated, const std::string& json);
  Id ChildFailed(Id initiated, const std::string& message);
  Id ChildCanceled(Id initiated);
  Id ChildTimedOut(Id initiated);
  Id ChildTerminated(Id initiated);
  Id SignalInitiated(const std::string& workflow_id, const std::string& name);
  Id SignalDelivered(Id initiated);
  Id SignalFailed(Id initiated);
  Id CancelInitiated(const std::string& workflow_id, bool child_only);
  Id CancelDelivered(Id initiated);
  Id CancelFailed(Id initiated);
  Id Patch(const std::string& id, bool deprecated = false);
  Id Versions(std::initializer_list<std::string> sorted_patches);
  Id SearchAttributesUpserted(const std::string& key);
  Id MemoUpserted(const std::string& key);
  Id SideEffect(std::int64_t id, const std::string& json);
  Id MutableSideEffect(const std::string& id, std::int64_t call, const std::string& json);
  // Failed where `failure` is not empty; to be tried again where `backoff_seconds` is not 0.
  Id LocalActivity(std::uint32_t seq, const std::string& type, const std::string& json,
                   const std::string& failure = "", int backoff_seconds = 0, int run_seconds = 0);
  Id UpdateAdmitted(const std::string& id, const std::string& name);
  Id UpdateAccepted(const std::string& id, const std::string& name, Id sequencing_event_id);
  Id UpdateCompleted(const std::string& id, Id accepted);
  Id Completed();
  Id Failed();
  Id Canceled();
  Id ContinuedAsNew();
  Id Terminated();
  Id TimedOut();

  const temporal::api::history::v1::History& history() const { return history_; }
  Id last_id() const { return history_.events_size(); }

 private:
  temporal::api::history::v1::History history_;
  Id scheduled_ = 0;
  Id started_ = 0;
  Id completed_ = 0;
  bool named_flags_ = false;
};

}  // namespace perdure::core
