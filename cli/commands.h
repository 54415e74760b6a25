// The command line that talks to a server: `perdure workflow …` and `perdure operator …`, with the
// names and flags of `temporal`. A gRPC client like any other: it works against Temporal's server
// too.
//
// main adds these beside its own subcommands and then parses:
//
//   CLI::App app("Perdure");
//   app.require_subcommand(1);
//   perdure::cli::AddClientCommands(app);
//   CLI11_PARSE(app, argc, argv);
//
// A command runs while CLI11 parses it. One that fails prints its error to standard error and
// leaves by CLI::RuntimeError, which CLI11_PARSE turns into the exit code: CLI11 reports by
// exceptions, and this module is where they end.
#pragma once

#include "CLI/App.hpp"

namespace perdure::cli {

void AddClientCommands(CLI::App& app);

// Parses and runs a whole command line of client commands alone; the exit code.
int RunCommandLine(int argc, const char* const* argv);

}  // namespace perdure::cli
