// The program `perdure`: the server, and the command line that talks to one.
#include <cstring>

#include "cli/commands.h"
#include "server/command_line.h"

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "server") == 0) {
    return perdure::server::RunServerCommand(std::vector<std::string>(argv + 1, argv + argc));
  }
  return perdure::cli::RunCommandLine(argc, argv);
}
