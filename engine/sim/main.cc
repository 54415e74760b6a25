// perdure-sim --seed N [--seeds K] [--verbose]: K simulated runs from seed N on (--first N is the
// same as --seed N). Ends at the first
// that goes wrong, with the line that repeats it.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "base/log.h"
#include "sim/simulation.h"

namespace {

struct Arguments {
  uint64_t seed = 1;
  uint64_t seeds = 1;
  bool is_verbose = false;
  bool goes_on = false;  // after a failure
};

bool Parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--verbose") {
      arguments.is_verbose = true;
    } else if (word == "--keep-going") {
      arguments.goes_on = true;
    } else if ((word == "--seed" || word == "--first" || word == "--seeds") && i + 1 < argc) {
      (word == "--seeds" ? arguments.seeds : arguments.seed) =
          std::strtoull(argv[++i], nullptr, 10);
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!Parse(argc, argv, arguments)) {
    std::fprintf(stderr, "usage: perdure-sim [--seed N] [--seeds K] [--verbose] [--keep-going]\n");
    return 2;
  }
  perdure::base::SetLogLevel(perdure::base::LogLevel::kError);
  std::map<std::string, int64_t> counts;
  uint64_t failures = 0;
  for (uint64_t seed = arguments.seed; seed < arguments.seed + arguments.seeds; ++seed) {
    // Known even if the run aborts.
    std::printf("seed %llu: ", static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    perdure::sim::Verdict verdict = perdure::sim::Simulate(seed, arguments.is_verbose);
    if (seed % 20 == 0) {
      const perdure::sim::Verdict again = perdure::sim::Simulate(seed, false);
      if (again.fingerprint != verdict.fingerprint) {
        verdict.wrongs.push_back("a second run of the seed went another way");
      }
    }
    std::printf("%016llx, %lld steps, %.0f s%s\n",
                static_cast<unsigned long long>(verdict.fingerprint),
                static_cast<long long>(verdict.steps), verdict.virtual_seconds,
                verdict.wrongs.empty() ? "" : ", WRONG");
    for (const auto& [what, times] : verdict.counts) counts[what] += times;
    if (verdict.wrongs.empty()) continue;
    ++failures;
    for (const std::string& wrong : verdict.wrongs) std::printf("  %s\n", wrong.c_str());
    std::printf("repeat with: %s --seed %llu --verbose\n", argv[0],
                static_cast<unsigned long long>(seed));
    if (!arguments.goes_on) return 1;
  }
  std::printf("what happened:\n");
  for (const auto& [what, times] : counts) {
    std::printf("  %8lld  %s\n", static_cast<long long>(times), what.c_str());
  }
  std::printf("%llu seeds, %llu failed\n", static_cast<unsigned long long>(arguments.seeds),
              static_cast<unsigned long long>(failures));
  return failures == 0 ? 0 : 1;
}
