// `perdure server …`: start-dev, start, config, check, migrate.
#pragma once

#include <string>
#include <vector>

#include "server/options.h"

namespace perdure::server {

// Value.
struct ServerCommand {
  enum class Action { kServe, kPrintConfig, kCheck, kShowMigrations, kExit };
  Action action = Action::kExit;
  int exit_code = 0;
  std::string output;  // for kExit: help, or what is wrong
  ServerOptions options;
  std::vector<std::string> warnings;  // to log: dynamic-config keys that mean nothing here
};

// `arguments` without the program's name: {"server", "start-dev", "--port", "7233"}. Reads the
// configuration file and the environment; starts nothing.
ServerCommand ParseServerCommand(const std::vector<std::string>& arguments);

// Runs the command until SIGTERM or SIGINT and returns the exit code. Blocks these signals in the
// calling thread, so it must be called before other threads are started. A second signal, or a stop
// that takes longer than twenty seconds, ends the process at once.
int RunServerCommand(const std::vector<std::string>& arguments);

}  // namespace perdure::server
