// What PostgreSQL's error codes mean to the engine.
#pragma once

#include "absl/status/status.h"

struct pg_result;

namespace perdure::store::postgres {

// The status of a failed statement: what SQLSTATE and constraint say. Its transaction is rolled back.
absl::Status StatusOfResult(const pg_result* result);

}  // namespace perdure::store::postgres
