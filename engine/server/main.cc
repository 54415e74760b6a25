#include "server/command_line.h"

int main(int argc, char** argv) {
  return perdure::server::RunServerCommand(std::vector<std::string>(argv + 1, argv + argc));
}
