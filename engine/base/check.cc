#include "base/check.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace perdure::base {
namespace {
std::atomic<int64_t> bug_count{0};
}  // namespace

void CheckFailed(const char* file, int line, const char* expression) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, expression);
  std::fflush(stderr);
  std::abort();
}

int64_t ReportBug(const char* file, int line, absl::string_view text) {
  std::fprintf(stderr, "%s:%d: bug: %.*s\n", file, line, static_cast<int>(text.size()),
               text.data());
  std::fflush(stderr);
#ifdef PERDURE_SIMULATION
  std::abort();
#endif
  return ++bug_count;
}

int64_t BugCount() { return bug_count.load(); }

}  // namespace perdure::base
