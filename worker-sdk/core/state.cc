#include "worker-sdk/core/state.h"

#include <algorithm>
#include <utility>

#include "worker-sdk/core/api_command.h"

namespace perdure::core {

namespace service = temporal::api::workflowservice::v1;

RunState::RunState(const RunOptions* options, const MakeProgram* make_program,
                   std::string workflow_id, std::string run_id, std::string workflow_type)
    : options_(options),
      make_program_(make_program),
      workflow_id_(std::move(workflow_id)),
      run_id_(std::move(run_id)),
      workflow_type_(std::move(workflow_type)) {}

void RunState::BeginTask(std::int64_t previous_started, bool live,
                         std::vector<ProtocolMessage> messages) {
  previous_started_ = previous_started;
  live_ = live;
  replaying_ = !live || previous_started > 0;
  messages_ = std::move(messages);
}

void RunState::TakeCompletion(service::RespondWorkflowTaskCompletedRequest* request) {
  for (PendingCommand& pending : pending_) {
    if (pending.command) *request->add_commands() = std::move(*pending.command);
    pending.command.reset();
  }
  for (ProtocolMessage& message : outbox_) *request->add_messages() = std::move(message);
  outbox_.clear();
  request->set_versioning_behavior(
      static_cast<temporal::api::enums::v1::VersioningBehavior>(versioning_behavior_));
  if (!options_->server_has_sdk_metadata) return;
  auto* metadata = request->mutable_sdk_metadata();
  // What is not written now is not known to be in use at replay, so all that this version does is.
  for (std::uint32_t number = 1; number <= kCoreFlagMax; ++number) {
    if (core_flags_.Has(static_cast<CoreFlag>(number))) continue;
    core_flags_.Add(number);
    metadata->add_core_used_flags(number);
  }
  for (const std::uint32_t flag : new_code_flags_) {
    const auto at = std::lower_bound(code_flags_.begin(), code_flags_.end(), flag);
    if (at != code_flags_.end() && *at == flag) continue;
    code_flags_.insert(at, flag);
    metadata->add_lang_used_flags(flag);
  }
  new_code_flags_.clear();
  if (seen_sdk_name_ != options_->sdk_name) {
    seen_sdk_name_ = options_->sdk_name;
    metadata->set_sdk_name(options_->sdk_name);
  }
  if (seen_sdk_version_ != options_->sdk_version) {
    seen_sdk_version_ = options_->sdk_version;
    metadata->set_sdk_version(options_->sdk_version);
  }
}

void RunState::RollBack(std::int64_t started_event_id) {
  // The scheduled and the started event of the dropped task are not in history any more.
  last_event_id_ -= 2;
  last_started_event_id_ = started_event_id;
  events_.StartAfter(last_event_id_);
}

void RunState::ReplaceByFailure(FailurePtr failure) {
  pending_.EraseIf([](const PendingCommand&) { return true; });
  outbox_.clear();
  replaying_ = false;
  detail::FailWorkflowCommand command{std::move(failure)};
  (void)Do(command);
}

void RunState::Shrink() {
  events_.Shrink();
  // Variants of jobs and commands are large, and a waiting run needs none; but what history has
  // brought behind its last task waits here for the next one.
  if (activation_.jobs.empty()) activation_.jobs = std::vector<detail::Job>();
  completion_.commands = std::vector<detail::Command>();
  pending_.Shrink();
  messages_.shrink_to_fit();
  outbox_.shrink_to_fit();
}

std::int64_t RunState::memory_bytes() const {
  std::int64_t bytes = static_cast<std::int64_t>(sizeof(RunState)) +
                       (program_ ? program_->memory_bytes() : 0) + events_.memory_bytes() +
                       machines_.memory_bytes() + pending_.memory_bytes();
  for (const std::string* text : {&workflow_id_, &run_id_, &workflow_type_}) {
    // Short ones lie in the object itself.
    if (text->capacity() >= sizeof(*text) / 2)
      bytes += static_cast<std::int64_t>(text->capacity()) + 9;
  }
  for (const auto* map : {&memo_, &search_attributes_}) {
    for (const auto& [key, value] : *map) {
      bytes += static_cast<std::int64_t>(sizeof(Payload) + 64 + key.size() + value.data.size());
    }
  }
  return bytes;
}

}  // namespace perdure::core
