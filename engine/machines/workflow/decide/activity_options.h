// Operators' hands on pending activities: pause, unpause, reset, change of options.
#pragma once

#include "absl/status/statusor.h"
#include "machines/workflow/decision.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::machines {

namespace api = temporal::api::workflowservice::v1;

absl::StatusOr<Decision> DecidePauseActivity(const State& state,
                                             const api::PauseActivityRequest& request,
                                             const Context& context);
absl::StatusOr<Decision> DecideUnpauseActivity(const State& state,
                                               const api::UnpauseActivityRequest& request,
                                               const Context& context);
absl::StatusOr<Decision> DecideResetActivity(const State& state,
                                             const api::ResetActivityRequest& request,
                                             const Context& context);
// Fills `response` with the options as they are afterwards.
absl::StatusOr<Decision> DecideUpdateActivityOptions(
    const State& state, const api::UpdateActivityOptionsRequest& request, const Context& context,
    api::UpdateActivityOptionsResponse& response);

}  // namespace perdure::machines
