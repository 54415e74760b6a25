// PERDURE_CHECK aborts the process: for what makes it unsafe to go on (lost fencing, journal out of
// order). PERDURE_BUG reports a broken assumption confined to one execution: it aborts in tests and
// simulation (PERDURE_SIMULATION), and in production counts, logs, and lets the caller answer
// INTERNAL. Debian 12's Abseil has neither CHECK nor LOG, hence ours.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace perdure::base {

[[noreturn]] void CheckFailed(const char* file, int line, const char* expression);
// Returns the number of bugs reported so far; thread-safe.
int64_t ReportBug(const char* file, int line, absl::string_view text);
int64_t BugCount();

}  // namespace perdure::base

#define PERDURE_CHECK(expression) \
  ((expression) ? (void)0 : ::perdure::base::CheckFailed(__FILE__, __LINE__, #expression))
#define PERDURE_BUG(text) ((void)::perdure::base::ReportBug(__FILE__, __LINE__, (text)))
