// perdure-bench: load for measuring a server of Temporal's API from outside. See bench/README.md.
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "bench/scenario.h"

namespace perdure::bench {
namespace {

// CPU seconds that a process, with all its threads, has used so far.
double CpuSecondsOf(int64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(line.substr(name_end + 2));
  std::string field;
  // Fields 14 and 15 are user and system time, the first after the name is the third.
  for (int i = 3; i < 14; ++i) fields >> field;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double ResidentMbOf(int64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
  double all = 0;
  double resident = 0;
  file >> all >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

double OwnCpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

int Main(int argc, char** argv) {
  const std::map<std::string, Figures (*)(Client&, const Options&)> scenarios = {
      {"workflows", Workflows}, {"timers", Timers},   {"sequential", Sequential},
      {"signals", Signals},     {"updates", Updates}, {"asleep", Asleep},
      {"lists", Lists},         {"counts", Counts},   {"polls", Polls}};
  CLI::App app("Load for measuring a server of Temporal's API");
  std::string scenario = "workflows";
  std::vector<std::string> addresses = {"127.0.0.1:7233"};
  std::vector<int64_t> pids;
  Options options;
  app.add_option("scenario", scenario, "What to measure")->check(CLI::IsMember(scenarios));
  app.add_option("--address", addresses, "The server, or several of one cluster")->delimiter(',');
  app.add_option("--in-flight", options.in_flight, "How many at a time")
      ->check(CLI::Range(1, 100000));
  app.add_option("--count", options.count, "How many in all")->check(CLI::Range(1, 100000000));
  app.add_flag("--like-sdk", options.is_like_sdk,
               "Workflows: with a sticky queue and eager activities, as the SDKs' workers");
  app.add_option("--query", options.query, "The filter of lists and counts");
  app.add_option("--pids", pids, "Processes whose CPU time and memory count")->delimiter(',');
  CLI11_PARSE(app, argc, argv);

  const auto connections = static_cast<int64_t>(addresses.size());
  Client client(addresses, scenario == "polls" ? (options.count + 9) / 10 : connections);
  const double own_before = OwnCpuSeconds();
  std::vector<double> before;
  for (const int64_t pid : pids) before.push_back(CpuSecondsOf(pid));
  Figures figures = scenarios.at(scenario)(client, options);
  if (figures.empty()) return 1;
  const auto count = static_cast<double>(options.count);
  figures.emplace_back("load_cpu_ms", (OwnCpuSeconds() - own_before) / count * 1e3);
  for (size_t i = 0; i < pids.size(); ++i) {
    figures.emplace_back("pid_" + std::to_string(pids[i]) + "_cpu_ms",
                         (CpuSecondsOf(pids[i]) - before[i]) / count * 1e3);
  }
  for (const int64_t pid : pids) {
    figures.emplace_back("pid_" + std::to_string(pid) + "_resident_mb", ResidentMbOf(pid));
  }
  for (const auto& [name, value] : figures) std::printf("%-28s %.3f\n", name.c_str(), value);
  // Polls are still open: the process ends with them.
  std::fflush(stdout);
  std::_Exit(0);
}

}  // namespace
}  // namespace perdure::bench

int main(int argc, char** argv) { return perdure::bench::Main(argc, argv); }
