// What every command has: the connection, the way to print, and how to fail.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "CLI/App.hpp"
#include "absl/status/statusor.h"
#include "cli/client.h"
#include "cli/output.h"

namespace perdure::cli {

// Shared by the callbacks that CLI11 keeps; filled in while the command line is parsed.
struct Session {
  ConnectionOptions connection;
  std::string output = "table";

  Format format() const;
};
using SessionPtr = std::shared_ptr<Session>;

// Connection and output flags; subcommands below `app` take them anywhere on the line.
void AddSessionOptions(CLI::App& app, const SessionPtr& session);

// Runs `run` when the command is parsed; an error is printed and becomes exit code 1.
void OnCommand(CLI::App& command, const SessionPtr& session,
               std::function<absl::Status(Client&, Format)> run);

// Whether the user agrees, by --yes or at the terminal.
bool Confirm(bool is_agreed, const std::string& question);

}  // namespace perdure::cli
