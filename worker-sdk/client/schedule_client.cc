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

api::DescribeScheduleResponse Describe(client::Connection* connection, const std::stop_token& stop,
                                       const std::string& id) {
  auto request = RequestFor<api::DescribeScheduleRequest>(*connection, id);
  api::DescribeScheduleResponse response;
  client::ThrowUnlessOk(connection->Call(CallKind::kUnary,
                                         PERDURE_WORKFLOW_METHOD("DescribeSchedule"), &request,
                                         &response, {.stop = stop}));
  return response;
}

temporal::api::enums::v1::ScheduleOverlapPolicy OverlapToApi(schedule_overlap overlap) {
  return static_cast<temporal::api::enums::v1::ScheduleOverlapPolicy>(overlap);
}

}  // namespace

ScheduleClient Client::schedules() const { return ScheduleClient(calls_); }

ScheduleHandle ScheduleClient::send_create(std::string_view id, std::string_view workflow_type,
                                           ScheduleSpec spec, const start_options& start,
                                           ScheduleOptions options, Payloads arguments) const {
  CreateScheduleInput input;
  input.schedule_id = std::string(id);
  input.schedule.spec = std::move(spec);
  input.schedule.action = detail::start_input(workflow_type, start, std::move(arguments));
  if (start.id.empty()) input.schedule.action.workflow_id = input.schedule_id;
  input.schedule.policy = std::move(options.policy);
  input.schedule.state = std::move(options.state);
  input.trigger_immediately = options.trigger_immediately;
  input.memo = std::move(options.memo);
  input.search_attributes = std::move(options.search_attributes);
  calls_->create_schedule(input);
  return handle(id);
}

ScheduleHandle ScheduleHandle::with_stop(std::stop_token stop) const {
  return {calls_->with_stop(std::move(stop)), id_};
}

ScheduleDescription ScheduleHandle::describe() const {
  ScheduleTarget target{id_};
  return calls_->describe_schedule(target);
}

void ScheduleHandle::update(const std::function<void(Schedule&)>& change) const {
  UpdateScheduleInput input{id_, change};
  calls_->update_schedule(input);
}

void ScheduleHandle::pause(std::string_view note) const {
  PatchScheduleInput input;
  input.schedule_id = id_;
  input.pause = std::string(note);
  calls_->patch_schedule(input);
}

void ScheduleHandle::unpause(std::string_view note) const {
  PatchScheduleInput input;
  input.schedule_id = id_;
  input.unpause = std::string(note);
  calls_->patch_schedule(input);
}

void ScheduleHandle::trigger(schedule_overlap overlap) const {
  PatchScheduleInput input;
  input.schedule_id = id_;
  input.trigger = overlap;
  calls_->patch_schedule(input);
}

void ScheduleHandle::backfill(Timestamp from, Timestamp to, schedule_overlap overlap) const {
  PatchScheduleInput input;
  input.schedule_id = id_;
  input.backfills.push_back({from, to, overlap});
  calls_->patch_schedule(input);
}

void ScheduleHandle::remove() const {
  ScheduleTarget target{id_};
  calls_->delete_schedule(target);
}

void ScheduleList::iterator::State::fill() {
  // A page may be empty and still not be the last.
  while (index == page.entries.size() && (!is_started || !page.page_token.empty())) {
    input.page_token = page.page_token;
    page = calls->list_schedules(input);
    index = 0;
    is_started = true;
  }
}

ScheduleList::iterator ScheduleList::begin() const {
  iterator first;
  first.state_ = std::make_shared<iterator::State>();
  first.state_->calls = calls_;
  first.state_->input.query = query_;
  first.state_->fill();
  return first;
}

namespace client {

void ServerCalls::create_schedule(CreateScheduleInput& input) {
  auto request = RequestFor<api::CreateScheduleRequest>(*connection_, input.schedule_id);
  api::CreateScheduleResponse response;
  ToApi(input.schedule, request.mutable_schedule());
  if (input.trigger_immediately) {
    request.mutable_initial_patch()->mutable_trigger_immediately()->set_overlap_policy(
        request.schedule().policies().overlap_policy());
  }
  request.set_identity(connection_->identity());
  request.set_request_id(RandomId());
  if (!input.memo.empty()) *request.mutable_memo() = core::MemoToApi(input.memo);
  if (!input.search_attributes.empty()) {
    *request.mutable_search_attributes() = core::SearchAttributesToApi(input.search_attributes);
  }
  ThrowUnlessOk(
      Send(CallKind::kUnary, PERDURE_WORKFLOW_METHOD("CreateSchedule"), &request, &response));
}

ScheduleDescription ServerCalls::describe_schedule(ScheduleTarget& target) {
  return FromApi(target.schedule_id, Describe(connection_.get(), stop_, target.schedule_id));
}

void ServerCalls::update_schedule(UpdateScheduleInput& input) {
  for (int attempt = 1;; ++attempt) {
    api::DescribeScheduleResponse description =
        Describe(connection_.get(), stop_, input.schedule_id);
    Schedule schedule = FromApi(description.schedule());
    input.change(schedule);
    auto request = RequestFor<api::UpdateScheduleRequest>(*connection_, input.schedule_id);
    api::UpdateScheduleResponse response;
    *request.mutable_schedule() = std::move(*description.mutable_schedule());
    ToApi(std::move(schedule), request.mutable_schedule());
    request.set_conflict_token(description.conflict_token());
    request.set_identity(connection_->identity());
    request.set_request_id(RandomId());
    const absl::Status status =
        Send(CallKind::kUnary, PERDURE_WORKFLOW_METHOD("UpdateSchedule"), &request, &response);
    const bool is_conflict = status.code() == absl::StatusCode::kFailedPrecondition;
    if (is_conflict && attempt < kUpdateAttemptsMax) continue;
    ThrowUnlessOk(status);
    return;
  }
}

void ServerCalls::patch_schedule(PatchScheduleInput& input) {
  auto request = RequestFor<api::PatchScheduleRequest>(*connection_, input.schedule_id);
  api::PatchScheduleResponse response;
  request.set_identity(connection_->identity());
  request.set_request_id(RandomId());
  temporal::api::schedule::v1::SchedulePatch& patch = *request.mutable_patch();
  if (input.pause) patch.set_pause(*input.pause);
  if (input.unpause) patch.set_unpause(*input.unpause);
  if (input.trigger)
    patch.mutable_trigger_immediately()->set_overlap_policy(OverlapToApi(*input.trigger));
  for (const ScheduleBackfill& one : input.backfills) {
    auto* backfill = patch.add_backfill_request();
    *backfill->mutable_start_time() = core::ToApi(one.from);
    *backfill->mutable_end_time() = core::ToApi(one.to);
    backfill->set_overlap_policy(OverlapToApi(one.overlap));
  }
  ThrowUnlessOk(
      Send(CallKind::kUnary, PERDURE_WORKFLOW_METHOD("PatchSchedule"), &request, &response));
}

void ServerCalls::delete_schedule(ScheduleTarget& target) {
  auto request = RequestFor<api::DeleteScheduleRequest>(*connection_, target.schedule_id);
  api::DeleteScheduleResponse response;
  request.set_identity(connection_->identity());
  ThrowUnlessOk(
      Send(CallKind::kUnary, PERDURE_WORKFLOW_METHOD("DeleteSchedule"), &request, &response));
}

ListSchedulesOutput ServerCalls::list_schedules(ListSchedulesInput& input) {
  api::ListSchedulesRequest request;
  api::ListSchedulesResponse response;
  request.set_namespace_(connection_->namespace_());
  request.set_query(input.query);
  request.set_next_page_token(input.page_token);
  ThrowUnlessOk(
      Send(CallKind::kUnary, PERDURE_WORKFLOW_METHOD("ListSchedules"), &request, &response));
  ListSchedulesOutput output;
  for (auto& entry : *response.mutable_schedules()) {
    output.entries.push_back(FromApi(std::move(entry)));
  }
  output.page_token = response.next_page_token();
  return output;
}

}  // namespace client
}  // namespace perdure
