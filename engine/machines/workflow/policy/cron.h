// Cron schedules of workflows: five fields, names, @daily and its like, @every, CRON_TZ=. Pure but
// for the time zone database, which absl reads once a zone.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace perdure::machines {

absl::Status CheckCron(absl::string_view schedule);

// How long after `close_ns` the next run begins, or 0 if never. Ticks are counted from `start_ns`;
// those that passed while the run was on are skipped.
int64_t CronBackoff(absl::string_view schedule, int64_t start_ns, int64_t close_ns);

}  // namespace perdure::machines
