// Commands of workflow code as the API's messages. Each moves what it needs out of its command.
#pragma once

#include <string>

#include "perdure/detail/activation.h"
#include "temporal/api/command/v1/message.pb.h"

namespace perdure::core {

using ApiCommand = temporal::api::command::v1::Command;

void Fill(detail::StartTimerCommand& from, ApiCommand* to);
// The activity's task queue is `task_queue` where the command names none.
void Fill(detail::ScheduleActivityCommand& from, const std::string& task_queue, ApiCommand* to);
void Fill(detail::StartChildCommand& from, const std::string& namespace_,
          const std::string& task_queue, ApiCommand* to);
void Fill(detail::SignalExternalCommand& from, const std::string& namespace_, ApiCommand* to);
void Fill(detail::RequestCancelExternalCommand& from, bool child_only, ApiCommand* to);
void Fill(detail::UpsertSearchAttributesCommand& from, ApiCommand* to);
void Fill(detail::UpsertMemoCommand& from, ApiCommand* to);
void Fill(detail::CompleteWorkflowCommand& from, ApiCommand* to);
void Fill(detail::FailWorkflowCommand& from, ApiCommand* to);
void Fill(detail::CancelWorkflowCommand& from, ApiCommand* to);
void Fill(detail::ContinueAsNewCommand& from, ApiCommand* to);

}  // namespace perdure::core
