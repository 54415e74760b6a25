// From a history to what its program does next, and to its result: the workflow code of the
// simulated workers, and the oracle of the checker.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/linearizability.h"
#include "sim/program.h"
#include "temporal/api/command/v1/message.pb.h"
#include "temporal/api/history/v1/message.pb.h"
#include "temporal/api/protocol/v1/message.pb.h"

namespace perdure::sim {

using temporal::api::command::v1::Command;
using temporal::api::history::v1::HistoryEvent;
using temporal::api::protocol::v1::Message;

inline constexpr char kTaskQueue[] = "work";
inline constexpr char kWorkflowType[] = "program";
// Failures of links.
inline constexpr char kFinalFailure[] = "final";

// What upserts write, and the value in it; 0 if there is none.
inline constexpr char kUpsertedAttribute[] = "BatcherUser";
inline constexpr char kUpsertedMemo[] = "progress";
int64_t AttributeIn(const temporal::api::common::v1::SearchAttributes& attributes);
int64_t MemoIn(const temporal::api::common::v1::Memo& memo);
// As filters name it.
std::string AttributeText(int64_t value);
// Ends the ids that children are started under again and again.
inline constexpr char kReusedSuffix[] = ".again";

// The result of a link of a chain: it tells the next one its number.
std::string LinkResult(int64_t link);

// The run that follows the one that ended with that event; empty if none does.
std::string NextRunAfter(const HistoryEvent& event);

// How a log travels, as answer or as input: no entry has a comma or a space.
std::string JoinLog(const Entries& log);
Entries SplitLog(const std::string& text);

// What a run's events say, folded. Value.
class Replay {
 public:
  // Events in order, from the first on.
  void See(const HistoryEvent& event);

  const ProgramInput& input() const { return input_; }
  const Program& program() const { return program_; }
  bool is_cancel_requested() const { return is_cancel_requested_; }
  // Of the whole chain.
  int64_t signals() const { return input_.signals + signals_; }
  const std::set<std::string>& accepted_updates() const { return accepted_; }
  // Signals and accepted updates of the whole chain in their order, each where it came first.
  const Entries& log() const { return log_; }
  // Of a chain by cron or retry: this run's number among the links that are to complete, and how it
  // ends.
  int64_t link() const { return link_; }
  LinkManner link_manner() const;
  // What the run upserted last; 0 if nothing.
  int64_t attribute() const { return attribute_; }
  int64_t memo() const { return memo_; }

  struct Next {
    std::vector<Command> commands;
    std::vector<Message> messages;
    Entries log;  // with the updates that are accepted by this
  };
  // What the worker answers to a workflow task with these events and messages. `run_name` is the
  // run's own: what it starts and sends is named after it.
  Next Decide(const std::string& run_name, const std::vector<Message>& requests) const;

  // The result of the program as far as it went, if all its operations have ended.
  std::string Result() const;
  // Operations that ended as they must not; empty if all is well.
  std::vector<std::string> Wrongs() const;

 private:
  struct Progress {
    int64_t first_event = 0;
    bool is_done = false;
    std::string outcome;
    bool is_cancel_requested = false;
  };
  // Children, other runs, markers and updates.
  void SeeOthers(const HistoryEvent& event);
  void SeeUpsert(int64_t event_id, int64_t value);
  static void Append(Entries& log, const std::string& entry);
  void Begin(const std::string& id, int64_t event_id);
  void End(int64_t first_event, const std::string& outcome);
  const Progress* Find(const std::string& id) const;
  bool HasFired(const std::string& timer_id) const;
  bool IsDone(const Operation& operation) const;
  Command ChildCommand(const Operation& op, const std::string& run_name) const;
  // True if the operation has ended with the commands it adds.
  bool Work(const Operation& operation, const std::string& run_name, Next& next) const;
  void AnswerUpdates(const std::vector<Message>& requests, Next& next,
                     std::set<std::string>& open) const;
  Command Finish(const Entries& log) const;
  Command FinishLink() const;

  ProgramInput input_;
  Program program_;
  int attempt_ = 1;
  int64_t link_ = 1;
  bool has_run_timeout_ = false;
  int64_t attribute_ = 0;
  int64_t memo_ = 0;
  bool is_cancel_requested_ = false;
  int64_t signals_ = 0;
  Entries log_;
  std::map<std::string, Progress> progress_;
  std::map<int64_t, std::string> ids_;  // by first event
  std::set<std::string> accepted_;
  std::set<std::string> completed_;
  std::vector<Message> admitted_;  // by events since the last task that was completed
};

}  // namespace perdure::sim
