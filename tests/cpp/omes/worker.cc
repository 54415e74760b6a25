// The worker that omes' scenarios drive:
//   cpp_omes [--server-address HOST:PORT] [--namespace NAME] [--run-id ID | --task-queue NAME]
//            [--max-cached-workflows N]
// Address and namespace may also come from TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE. A scenario that
// is run with --run-id ID starts its workflows on the task queue omes-ID.
#include <charconv>
#include <cstdlib>
#include <iostream>
#include <map>

#include "activities.h"
#include "kitchen_sink.h"
#include "perdure/worker.h"

namespace {

using Flags = std::map<std::string, std::string, std::less<>>;

// Throws ConfigError for a flag that is unknown or has no value.
Flags parse(int count, char** arguments) {
  Flags flags = {{"server-address", ""},
                 {"namespace", ""},
                 {"run-id", ""},
                 {"task-queue", ""},
                 {"max-cached-workflows", ""}};
  for (int i = 1; i < count; i += 2) {
    const std::string_view name = arguments[i];
    const auto flag = name.starts_with("--") ? flags.find(name.substr(2)) : flags.end();
    if (flag == flags.end()) throw perdure::ConfigError("unknown flag " + std::string(name));
    if (i + 1 == count) throw perdure::ConfigError(std::string(name) + " has no value");
    flag->second = arguments[i + 1];
  }
  return flags;
}

std::int64_t number(const std::string& flag, const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    throw perdure::ConfigError("--" + flag + ": not a number: " + text);
  return value;
}

void work(const Flags& flags) {
  perdure::ClientOptions options = perdure::ClientOptions::from_environment();
  if (!flags.at("server-address").empty()) options.target = flags.at("server-address");
  if (!flags.at("namespace").empty()) options.namespace_ = flags.at("namespace");
  const perdure::Client client = perdure::Client::connect(options);

  perdure::WorkerOptions worker_options;
  worker_options.task_queue = flags.at("task-queue");
  if (worker_options.task_queue.empty()) {
    if (flags.at("run-id").empty())
      throw perdure::ConfigError("--run-id or --task-queue must be given");
    worker_options.task_queue = "omes-" + flags.at("run-id");
  }
  if (const std::string& runs = flags.at("max-cached-workflows"); !runs.empty())
    worker_options.cache.runs = number("max-cached-workflows", runs);
  omes::ClientActions client_actions(client);
  perdure::Worker worker(client, std::move(worker_options));
  worker.workflow<omes::KitchenSink>();
  omes::add_activities(&worker, client_actions);
  std::cout << "ready" << std::endl;
  worker.run_until_signal();
}

}  // namespace

int main(int count, char** arguments) {
  try {
    work(parse(count, arguments));
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  // Without destructors of what threads of client actions may still use.
  std::cout.flush();
  std::_Exit(0);
}
