// perdure-sdk-bench: what the C++ worker SDK costs. See bench/README.md.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>

#include "bench/cpp/scenario.h"

namespace perdure::bench {
namespace {

int Main(int argc, char** argv) {
  CLI::App app("What the C++ worker SDK costs");
  app.require_subcommand(1);
  SdkOptions options;
  Figures (*scenario)(const SdkOptions&) = nullptr;
  auto add = [&](const char* name, const char* help, Figures (*function)(const SdkOptions&)) {
    CLI::App* command = app.add_subcommand(name, help);
    command->add_option("--count", options.count, "How many in all")
        ->check(CLI::Range(1, 100000000));
    command->callback([&scenario, function] { scenario = function; });
    return command;
  };
  CLI::App* load = add("load", "Workflows; worker and client in this process", Load);
  std::string workflow = "one-activity";
  load->add_option("--workflow", workflow, "Which")->check(CLI::IsMember({"one-activity"}));
  load->add_option("--threads", options.threads, "Of the client; by default one for each in flight")
      ->check(CLI::Range(1, 10000));
  load->add_flag("--eager-start", options.is_eager_start,
                 "The first task comes with the answer to the start");
  load->add_flag("--coroutine", options.has_coroutine_activity,
                 "The activity is a coroutine, which needs no thread");
  load->add_option("--pids", options.pids, "Processes whose CPU time counts")->delimiter(',');
  add("replay", "A history of 10,005 events, from its bytes", Replay);
  add("activation", "Timers one after the other, without the core", Activation);
  add("memory", "Cached runs, without a server", Memory);
  CLI::App* cached = add("cached", "Waiting workflows in one worker's cache", Cached);
  for (CLI::App* command : {load, cached}) {
    command->add_option("--address", options.address, "The server");
    command->add_option("--in-flight", options.in_flight, "How many at a time")
        ->check(CLI::Range(1, 10000));
  }
  CLI11_PARSE(app, argc, argv);
  try {
    for (const auto& [name, value] : scenario(options)) {
      std::printf("%-28s %.3f\n", name.c_str(), value);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "perdure-sdk-bench: %s\n", error.what());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace perdure::bench

int main(int argc, char** argv) { return perdure::bench::Main(argc, argv); }
