// An independent judge of histories: knows the rules of what may follow what, and nothing of how
// the machine makes events. For the machine's tests and the simulator. Pure; linear in the history.
#pragma once

#include <string>
#include <vector>

#include "temporal/api/history/v1/message.pb.h"

namespace perdure::machines {

struct HistoryRules {
  // The run was made by a reset: it begins with another run's events.
  bool is_reset = false;
};

// What is wrong with a run's history from its first event on, one sentence each; empty if nothing.
// An open run's history is judged as far as it goes.
std::vector<std::string> CheckHistory(
    const std::vector<temporal::api::history::v1::HistoryEvent>& events, HistoryRules rules = {});

}  // namespace perdure::machines
