// The groups of `workflow` commands, and the flags they share.
#pragma once

#include <memory>
#include <string>

#include "CLI/App.hpp"
#include "cli/session.h"
#include "temporal/api/common/v1/message.pb.h"

namespace perdure::cli {

// -w and -r: which execution a command is about.
struct Target {
  std::string workflow_id;
  std::string run_id;

  temporal::api::common::v1::WorkflowExecution Execution() const;
};
std::shared_ptr<Target> AddTarget(CLI::App& command);

void AddStartCommands(CLI::App& workflow, const SessionPtr& session);   // start execute result
void AddViewCommands(CLI::App& workflow, const SessionPtr& session);    // list count describe show
void AddQueryCommands(CLI::App& workflow, const SessionPtr& session);   // query update
void AddChangeCommands(CLI::App& workflow, const SessionPtr& session);  // signal cancel … delete
void AddOperatorCommands(CLI::App& app, const SessionPtr& session);

}  // namespace perdure::cli
