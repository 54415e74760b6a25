// An agent that one talks to: messages come as updates and are answered, tools wait for a human's
// approval by signal, its state is shown by queries, and a long conversation goes on in a new run.
#include <iostream>
#include <thread>

#include "perdure/client.h"
#include "perdure/worker.h"
#include "perdure/workflow.h"

using namespace std::chrono_literals;
namespace workflow = perdure::workflow;

struct Message {
  std::string role;
  std::string text;
};
// Either a tool to use, or the answer.
struct Decision {
  std::string tool;
  std::string input;
  std::string answer;
};
struct Pending {
  std::string tool;
  std::string input;
  bool is_waiting = false;
};
struct AgentInput {
  std::string system_prompt;
  std::chrono::seconds approval_timeout = 1h;
  int messages_max = 100;
  std::vector<Message> history;
};

// Would call a model.
Decision think(const std::vector<Message>& history) {
  const Message& last = history.back();
  if (last.role == "user" && last.text.find("weather") != std::string::npos)
    return {"weather", "Oslo", ""};
  return {"", "", last.role == "tool" ? "It is " + last.text + "." : "You said: " + last.text};
}
std::string use_tool(const std::string& tool, const std::string& input) {
  return tool == "weather" ? "sunny in " + input : "unknown";
}

class Agent {
 public:
  perdure::task<std::string> run(AgentInput input) {
    history_ = input.history;
    if (history_.empty()) history_.push_back({"system", input.system_prompt});
    while (!is_closed_) {
      const bool is_asked =
          co_await workflow::until_for(24h, [this] { return is_closed_ || !inbox_.empty(); });
      if (!is_asked) break;  // Nobody talked for a day.
      if (inbox_.empty()) continue;
      history_.push_back({"user", inbox_.front()});
      inbox_.erase(inbox_.begin());
      co_await answer(input.approval_timeout);
      if (workflow::continue_as_new_suggested() ||
          static_cast<int>(history_.size()) > input.messages_max) {
        co_await workflow::until(workflow::all_handlers_finished);
        input.history = history_;
        workflow::continue_as_new<&Agent::run>(input);
      }
    }
    co_await workflow::until(workflow::all_handlers_finished);
    co_return history_.back().text;
  }

  // An update: returns the agent's reply.
  perdure::task<std::string> chat(std::string text) {
    const int mine = answered_ + static_cast<int>(inbox_.size()) + 1;
    inbox_.push_back(text);
    co_await workflow::until([this, mine] { return answered_ >= mine || is_closed_; });
    co_return history_.back().text;
  }
  void check_chat(const std::string& text) const {
    if (is_closed_) throw perdure::ApplicationError("the conversation is over");
    if (text.empty()) throw perdure::ApplicationError("an empty message");
  }
  void approve(std::string by, bool yes) {
    approver_ = by;
    approved_ = yes;
  }
  void close() { is_closed_ = true; }
  Pending awaiting() const { return pending_; }
  std::vector<Message> transcript() const { return history_; }

  using handlers =
      perdure::define<perdure::entry<&Agent::run, "agent">,
                      perdure::update<&Agent::chat, &Agent::check_chat>,
                      perdure::signal<&Agent::approve>, perdure::signal<&Agent::close>,
                      perdure::query<&Agent::awaiting>, perdure::query<&Agent::transcript>>;

 private:
  perdure::task<void> answer(std::chrono::seconds approval_timeout) {
    for (int step = 0; step < 8; ++step) {
      const Decision decision =
          co_await workflow::activity<&think>(history_, {.start_to_close = 2min, .heartbeat = 20s});
      if (decision.tool.empty()) {
        history_.push_back({"assistant", decision.answer});
        ++answered_;
        co_return;
      }
      approved_.reset();
      pending_ = {decision.tool, decision.input, true};
      const bool is_decided =
          co_await workflow::until_for(approval_timeout, [this] { return approved_.has_value(); });
      pending_.is_waiting = false;
      if (!is_decided || !*approved_) {
        history_.push_back({"tool", is_decided ? "denied by " + approver_ : "never approved"});
        continue;
      }
      const std::string result = co_await workflow::activity<&use_tool>(
          decision.tool, decision.input, {.start_to_close = 10min});
      history_.push_back({"tool", result});
    }
  }

  std::vector<Message> history_;
  std::vector<std::string> inbox_;
  Pending pending_;
  std::optional<bool> approved_;
  std::string approver_;
  int answered_ = 0;
  bool is_closed_ = false;
};

int main() {
  const perdure::Client client = perdure::Client::connect();
  perdure::Worker worker(client, {.task_queue = "agents"});
  worker.workflow<Agent>().activity<&think>().activity<&use_tool>();
  worker.start();

  const AgentInput input{.system_prompt = "Be brief."};
  auto agent = client.start<&Agent::run>({.id = "agent-1", .task_queue = "agents"}, input);
  std::cout << "> hi\n" << agent.update<&Agent::chat>("hi") << "\n";
  try {
    agent.update<&Agent::chat>("");
    return 1;
  } catch (const perdure::UpdateFailedError& error) {
    std::cout << "refused: " << error.what() << "\n";
  }

  std::cout << "> weather, please\n";
  auto reply = agent.start_update<&Agent::chat>({}, "weather, please");
  Pending pending = agent.query<&Agent::awaiting>();
  while (!pending.is_waiting) {
    std::this_thread::sleep_for(10ms);
    pending = agent.query<&Agent::awaiting>();
  }
  std::cout << "may it use " << pending.tool << "(" << pending.input << ")? carol says yes\n";
  agent.signal<&Agent::approve>("carol", true);
  std::cout << reply.result() << "\n";
  agent.signal<&Agent::close>();
  agent.result();
  std::cout << agent.query<&Agent::transcript>().size() << " messages\n";
}
