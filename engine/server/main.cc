// `perdure server …` is the server; the other commands are clients of one.
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "cli/commands.h"
#include "server/command_line.h"

int main(int argc, char** argv) {
  const absl::string_view first = argc > 1 ? argv[1] : "";
  if (first == "workflow" || first == "operator") {
    return perdure::cli::RunCommandLine(argc, argv);
  }
  return perdure::server::RunServerCommand(std::vector<std::string>(argv + 1, argv + argc));
}
