#include "cli/commands.h"

#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "cli/workflow_commands.h"

namespace perdure::cli {

temporal::api::common::v1::WorkflowExecution Target::Execution() const {
  temporal::api::common::v1::WorkflowExecution execution;
  execution.set_workflow_id(workflow_id);
  execution.set_run_id(run_id);
  return execution;
}

std::shared_ptr<Target> AddTarget(CLI::App& command) {
  auto target = std::make_shared<Target>();
  command.add_option("-w,--workflow-id", target->workflow_id, "Workflow id.")->required();
  command.add_option("-r,--run-id", target->run_id, "Run id; the latest run if missing.");
  return target;
}

void AddClientCommands(CLI::App& app) {
  auto session = std::make_shared<Session>();
  CLI::App& workflow =
      *app.add_subcommand("workflow", "Start, list and operate on workflows (a gRPC client).");
  workflow.require_subcommand(1);
  AddSessionOptions(workflow, session);
  AddStartCommands(workflow, session);
  AddViewCommands(workflow, session);
  AddQueryCommands(workflow, session);
  AddChangeCommands(workflow, session);

  CLI::App& operate = *app.add_subcommand(
      "operator", "Manage namespaces, search attributes and the cluster (a gRPC client).");
  operate.require_subcommand(1);
  AddSessionOptions(operate, session);
  AddOperatorCommands(operate, session);
}

int RunCommandLine(int argc, const char* const* argv) {
  CLI::App app("Perdure: durable execution that speaks Temporal's API", "perdure");
  app.require_subcommand(1);
  // Shown only: main hands a command line that begins with it to the server.
  app.add_subcommand("server", "Run a server (perdure server --help)");
  AddClientCommands(app);
  CLI11_PARSE(app, argc, argv);
  return 0;
}

}  // namespace perdure::cli
