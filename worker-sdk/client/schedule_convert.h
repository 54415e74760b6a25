// Schedules between the API's messages and perdure/schedule.h.
#pragma once

#include "perdure/schedule.h"
#include "temporal/api/schedule/v1/message.pb.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::client {

// Writes over what `message` holds, so that fields of a newer API stay.
void ToApi(Schedule schedule, temporal::api::schedule::v1::Schedule* message);
Schedule FromApi(temporal::api::schedule::v1::Schedule message);
ScheduleDescription FromApi(std::string id,
                            temporal::api::workflowservice::v1::DescribeScheduleResponse response);
ScheduleListEntry FromApi(temporal::api::schedule::v1::ScheduleListEntry entry);

}  // namespace perdure::client
