// GetWorkflowExecutionHistory and its reverse: paging, long polls, the close-event filter.
#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "history/events.h"
#include "history/requests.h"
#include "perdure/internal/v1/task_token.pb.h"

namespace perdure::history {
namespace {

using perdure::internal::v1::HistoryPageToken;
using HistoryReply = Reply<api::GetWorkflowExecutionHistoryResponse>;

struct Reading {
  api::GetWorkflowExecutionHistoryRequest request;
  HistoryPageToken token;
  NamespacePtr name_space;
  absl::Time deadline;
  HistoryReply reply;
};
// Shared by the steps of one call, one after the other.
using ReadingPtr = std::shared_ptr<Reading>;

bool IsCommittedClosed(const Execution& run) {
  return !run.state.IsRunning() && run.state.info.close_event_id() < run.committed_next_event_id;
}

int64_t PageSize(const Reading& reading) {
  const int64_t limit = reading.name_space->limits.history_page_size;
  const int64_t asked = reading.request.maximum_page_size();
  return asked > 0 ? std::min(asked, limit) : limit;
}

void Answer(Core& core, const ExecutionPtr& run, const ReadingPtr& reading, bool may_wait);

// Until something new is committed, or the poll's time is over.
void Wait(Core& core, const ExecutionPtr& run, const ReadingPtr& reading, EventId beyond) {
  const absl::Time now = core.loop().Now();
  // Temporal answers a little before the caller gives up.
  const absl::Time until = std::min(now + reading->name_space->limits.long_poll_interval,
                                    reading->deadline - absl::Milliseconds(500));
  const uint64_t id = core.NextWaiterId();
  auto answered = std::make_shared<bool>(false);  // shared by the waiter and its timer
  const runtime::TimerId timer = core.loop().At(until, [&core, run, reading, id, answered] {
    if (*answered) return;
    *answered = true;
    auto& waiters = run->history_waiters;
    waiters.erase(std::remove_if(waiters.begin(), waiters.end(),
                                 [id](const auto& waiter) { return waiter.id == id; }),
                  waiters.end());
    Answer(core, run, reading, /*may_wait=*/false);
  });
  Execution::HistoryWaiter waiter;
  waiter.id = id;
  waiter.beyond = beyond;
  waiter.wake = [&core, run, reading, timer, answered]() mutable {
    if (*answered) return;
    *answered = true;
    core.loop().Cancel(timer);
    if (run->is_dropped) {
      return std::move(reading->reply)(base::Unavailable("the workflow execution was unloaded"));
    }
    Answer(core, run, reading, /*may_wait=*/false);
  };
  run->history_waiters.push_back(std::move(waiter));
}

void Finish(const ReadingPtr& reading, api::GetWorkflowExecutionHistoryResponse response,
            EventId next, bool has_more) {
  response.mutable_history();
  if (has_more) {
    reading->token.set_next_event_id(next);
    response.set_next_page_token(reading->token.SerializeAsString());
  }
  std::move(reading->reply)(std::move(response));
}

void AnswerCloseEvent(Core& core, const ExecutionPtr& run, const ReadingPtr& reading,
                      bool may_wait) {
  if (IsCommittedClosed(*run)) {
    api::GetWorkflowExecutionHistoryResponse response;
    *response.mutable_history()->add_events() = *run->state.close_event;
    return Finish(reading, std::move(response), 0, /*has_more=*/false);
  }
  if (!reading->request.wait_new_event()) {
    return Finish(reading, api::GetWorkflowExecutionHistoryResponse(), 0, false);
  }
  if (may_wait) return Wait(core, run, reading, INT64_MAX);
  Finish(reading, api::GetWorkflowExecutionHistoryResponse(),
         std::max<EventId>(reading->token.next_event_id(), 1), /*has_more=*/true);
}

// A worker's task has events that nothing durable followed yet: they are written before they are
// shown.
bool FlushesFirst(Core& core, const ExecutionPtr& run, const ReadingPtr& reading) {
  const bool is_behind = run->committed_next_event_id < run->state.info.next_event_id();
  if (!is_behind || reading->token.last_event_id() != 0) return false;
  core.Flush(run, [&core, run, reading](absl::Status status) {
    if (!status.ok()) return std::move(reading->reply)(std::move(status));
    Answer(core, run, reading, /*may_wait=*/true);
  });
  return true;
}

void Answer(Core& core, const ExecutionPtr& run, const ReadingPtr& reading, bool may_wait) {
  const auto filter = reading->request.history_event_filter_type();
  if (filter == machines::enums::HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT) {
    return AnswerCloseEvent(core, run, reading, may_wait);
  }
  EventRange range;
  range.from = std::max<EventId>(reading->token.next_event_id(), 1);
  range.end = run->committed_next_event_id;
  // A worker reads up to its task, committed or not.
  const bool is_bounded = reading->token.last_event_id() != 0;
  if (is_bounded) range.end = reading->token.last_event_id() + 1;
  range.events_max = PageSize(*reading);
  range.bytes_max = reading->name_space->limits.history_page_bytes;
  const bool is_open = !IsCommittedClosed(*run) && !is_bounded;
  const bool waits = reading->request.wait_new_event() && is_open;
  if (range.from >= range.end) {
    if (waits && may_wait) return Wait(core, run, reading, range.from);
    return Finish(reading, api::GetWorkflowExecutionHistoryResponse(), range.from, waits);
  }
  ReadEvents(core, run, range, [reading, range, waits](absl::StatusOr<EventPage> page) {
    if (!page.ok()) return std::move(reading->reply)(page.status());
    api::GetWorkflowExecutionHistoryResponse response;
    for (const auto& event : page->events) {
      *response.mutable_history()->add_events() = *event;
    }
    const bool is_last = page->next >= range.end;
    if (is_last && !reading->token.transient_events().empty()) {
      temporal::api::history::v1::History transient;
      if (transient.ParseFromString(reading->token.transient_events())) {
        response.mutable_history()->MergeFrom(transient);
      }
    }
    Finish(reading, std::move(response), page->next, !is_last || waits);
  });
}

}  // namespace

void GetHistory(Core& core, CallContext context, NamespacePtr name_space,
                api::GetWorkflowExecutionHistoryRequest request, HistoryReply reply) {
  auto reading = std::make_shared<Reading>();
  reading->name_space = name_space;
  reading->deadline = context.deadline;
  const std::string workflow_id = request.execution().workflow_id();
  std::string run_id = request.execution().run_id();
  if (!request.next_page_token().empty()) {
    const bool is_ours = reading->token.ParseFromString(request.next_page_token()) &&
                         !reading->token.run_id().empty();
    if (!is_ours) return std::move(reply)(base::InvalidArgument("Invalid NextPageToken."));
    if (!run_id.empty() && run_id != reading->token.run_id()) {
      return std::move(reply)(
          base::InvalidArgument("RunId in the request does not match the NextPageToken."));
    }
    run_id = reading->token.run_id();
  }
  reading->request = std::move(request);
  reading->reply = std::move(reply);
  core.Show(name_space, workflow_id, run_id, [&core, reading](absl::StatusOr<ExecutionPtr> found) {
    if (!found.ok()) return std::move(reading->reply)(found.status());
    const ExecutionPtr run = *found;
    reading->token.set_run_id(run->run_id);
    const bool is_all = reading->request.history_event_filter_type() !=
                        machines::enums::HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT;
    if (is_all && FlushesFirst(core, run, reading)) return;
    Answer(core, run, reading, /*may_wait=*/true);
  });
}

void GetHistoryReverse(Core& core, CallContext context, NamespacePtr name_space,
                       api::GetWorkflowExecutionHistoryReverseRequest request,
                       Reply<api::GetWorkflowExecutionHistoryReverseResponse> reply) {
  HistoryPageToken token;
  std::string run_id = request.execution().run_id();
  if (!request.next_page_token().empty()) {
    if (!token.ParseFromString(request.next_page_token()) || token.run_id().empty()) {
      return std::move(reply)(base::InvalidArgument("Invalid NextPageToken."));
    }
    run_id = token.run_id();
  }
  core.Show(name_space, request.execution().workflow_id(), run_id,
            [&core, name_space, request, token,
             reply = std::move(reply)](absl::StatusOr<ExecutionPtr> found) mutable {
              if (!found.ok()) return std::move(reply)(found.status());
              const ExecutionPtr run = *found;
              // The token names the newest event not yet returned.
              const EventId end =
                  token.next_event_id() > 0
                      ? std::min<EventId>(token.next_event_id() + 1, run->committed_next_event_id)
                      : run->committed_next_event_id;
              const int64_t limit = name_space->limits.history_page_size;
              const int64_t asked = request.maximum_page_size();
              const int64_t size = asked > 0 ? std::min(asked, limit) : limit;
              EventRange range;
              range.end = end;
              range.from = std::max<EventId>(1, end - size);
              range.events_max = size;
              // The whole window, or the page would begin in the middle of it.
              range.bytes_max = INT64_MAX;
              ReadEvents(
                  core, run, range,
                  [run, range, reply = std::move(reply)](absl::StatusOr<EventPage> page) mutable {
                    if (!page.ok()) return std::move(reply)(page.status());
                    api::GetWorkflowExecutionHistoryReverseResponse response;
                    response.mutable_history();
                    for (auto event = page->events.rbegin(); event != page->events.rend();
                         ++event) {
                      *response.mutable_history()->add_events() = **event;
                    }
                    if (range.from > 1) {
                      HistoryPageToken next;
                      next.set_run_id(run->run_id);
                      next.set_next_event_id(range.from - 1);
                      response.set_next_page_token(next.SerializeAsString());
                    }
                    std::move(reply)(std::move(response));
                  });
            });
}

}  // namespace perdure::history
