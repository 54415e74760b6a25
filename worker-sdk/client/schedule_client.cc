#include "perdure/schedule.h"
#include "worker-sdk/client/connection.h"
#include "worker-sdk/client/rpc_error.h"
#include "worker-sdk/client/schedule_convert.h"
#include "worker-sdk/client/server_calls.h"
#include "worker-sdk/core/convert.h"

namespace perdure {
namespace {

using client::CallKind;
namespace api = client::api;

// Somebody else changes the schedule each time; more often than this is no race.
constexpr int kUpdateAttemptsMax = 5;

template <class Request>
Request RequestFor(const client::Connection& connection, const std::string& id) {
  Request request;
  request.set_namespace_(connection.namespace_());
  request.set_schedule_id(id);
  return request;
}

api::DescribeScheduleResponse Describe(client::Connection* connection, const std::string& id) {
  auto request = RequestFor<api::DescribeScheduleRequest>(*connection, id);
  api::DescribeScheduleResponse response;
  client::ThrowUnlessOk(connection->Call(
      CallKind::kUnary, PERDURE_WORKFLOW_METHOD("DescribeSchedule"), &request, &response));
  return response;
}

void Patch(client::Connection* connection, const std::string& id,
           temporal::api::schedule::v1::SchedulePatch patch) {
  auto request = RequestFor<api::PatchScheduleRequest>(*connection, id);
  api::PatchScheduleResponse response;
  request.set_identity(connection->identity());
  request.set_request_id(client::RandomId());
  *request.mutable_patch() = std::move(patch);
  client::ThrowUnlessOk(connection->Call(CallKind::kUnary, PERDURE_WORKFLOW_METHOD("PatchSchedule"),
                                         &request, &response));
}

temporal::api::enums::v1::ScheduleOverlapPolicy ToApi(schedule_overlap overlap) {
  return static_cast<temporal::api::enums::v1::ScheduleOverlapPolicy>(overlap);
}

}  // namespace

ScheduleClient Client::schedules() const { return ScheduleClient(connection_); }

ScheduleHandle ScheduleClient::send_create(std::string_view id, std::string_view workflow_type,
                                           ScheduleSpec spec, const start_options& start,
                                           ScheduleOptions options, Payloads arguments) const {
  auto request = RequestFor<api::CreateScheduleRequest>(*connection_, std::string(id));
  api::CreateScheduleResponse response;
  Schedule schedule;
  schedule.spec = std::move(spec);
  schedule.action = detail::start_input(workflow_type, start, std::move(arguments));
  if (start.id.empty()) schedule.action.workflow_id = std::string(id);
  schedule.policy = std::move(options.policy);
  schedule.state = std::move(options.state);
  client::ToApi(std::move(schedule), request.mutable_schedule());
  if (options.trigger_immediately) {
    request.mutable_initial_patch()->mutable_trigger_immediately()->set_overlap_policy(
        request.schedule().policies().overlap_policy());
  }
  request.set_identity(connection_->identity());
  request.set_request_id(client::RandomId());
  if (!options.memo.empty()) {
    *request.mutable_memo() = core::MemoToApi(std::move(options.memo));
  }
  if (!options.search_attributes.empty()) {
    *request.mutable_search_attributes() =
        core::SearchAttributesToApi(std::move(options.search_attributes));
  }
  client::ThrowUnlessOk(connection_->Call(
      CallKind::kUnary, PERDURE_WORKFLOW_METHOD("CreateSchedule"), &request, &response));
  return handle(id);
}

ScheduleDescription ScheduleHandle::describe() const {
  return client::FromApi(id_, Describe(connection_.get(), id_));
}

void ScheduleHandle::update(const std::function<void(Schedule&)>& change) const {
  for (int attempt = 1;; ++attempt) {
    api::DescribeScheduleResponse description = Describe(connection_.get(), id_);
    Schedule schedule = client::FromApi(description.schedule());
    change(schedule);
    auto request = RequestFor<api::UpdateScheduleRequest>(*connection_, id_);
    api::UpdateScheduleResponse response;
    *request.mutable_schedule() = std::move(*description.mutable_schedule());
    client::ToApi(std::move(schedule), request.mutable_schedule());
    request.set_conflict_token(description.conflict_token());
    request.set_identity(connection_->identity());
    request.set_request_id(client::RandomId());
    const absl::Status status = connection_->Call(
        CallKind::kUnary, PERDURE_WORKFLOW_METHOD("UpdateSchedule"), &request, &response);
    const bool is_conflict = status.code() == absl::StatusCode::kFailedPrecondition;
    if (is_conflict && attempt < kUpdateAttemptsMax) continue;
    client::ThrowUnlessOk(status);
    return;
  }
}

void ScheduleHandle::pause(std::string_view note) const {
  temporal::api::schedule::v1::SchedulePatch patch;
  patch.set_pause(std::string(note));
  Patch(connection_.get(), id_, std::move(patch));
}

void ScheduleHandle::unpause(std::string_view note) const {
  temporal::api::schedule::v1::SchedulePatch patch;
  patch.set_unpause(std::string(note));
  Patch(connection_.get(), id_, std::move(patch));
}

void ScheduleHandle::trigger(schedule_overlap overlap) const {
  temporal::api::schedule::v1::SchedulePatch patch;
  patch.mutable_trigger_immediately()->set_overlap_policy(ToApi(overlap));
  Patch(connection_.get(), id_, std::move(patch));
}

void ScheduleHandle::backfill(Timestamp from, Timestamp to, schedule_overlap overlap) const {
  temporal::api::schedule::v1::SchedulePatch patch;
  auto* backfill = patch.add_backfill_request();
  *backfill->mutable_start_time() = core::ToApi(from);
  *backfill->mutable_end_time() = core::ToApi(to);
  backfill->set_overlap_policy(ToApi(overlap));
  Patch(connection_.get(), id_, std::move(patch));
}

void ScheduleHandle::remove() const {
  auto request = RequestFor<api::DeleteScheduleRequest>(*connection_, id_);
  api::DeleteScheduleResponse response;
  request.set_identity(connection_->identity());
  client::ThrowUnlessOk(connection_->Call(
      CallKind::kUnary, PERDURE_WORKFLOW_METHOD("DeleteSchedule"), &request, &response));
}

void ScheduleList::iterator::State::fill() {
  while (index == entries.size() && (!is_started || !page_token.empty())) {
    api::ListSchedulesRequest request;
    api::ListSchedulesResponse response;
    request.set_namespace_(connection->namespace_());
    request.set_query(query);
    request.set_next_page_token(page_token);
    client::ThrowUnlessOk(connection->Call(
        CallKind::kUnary, PERDURE_WORKFLOW_METHOD("ListSchedules"), &request, &response));
    entries.clear();
    for (auto& entry : *response.mutable_schedules()) {
      entries.push_back(client::FromApi(std::move(entry)));
    }
    page_token = response.next_page_token();
    index = 0;
    is_started = true;
  }
}

ScheduleList::iterator ScheduleList::begin() const {
  iterator first;
  first.state_ = std::make_shared<iterator::State>();
  first.state_->connection = connection_;
  first.state_->query = query_;
  first.state_->fill();
  return first;
}

}  // namespace perdure
