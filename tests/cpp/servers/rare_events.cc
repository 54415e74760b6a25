// What happens to workflows seldom, and what operators do to them, against a server:
// `cpp_rare_events PREFIX RUNS_IN_CACHE [ONLY [FOLDER]]`. With what the other features leave, the
// histories hold every event that workers see.
#include <cstdlib>

#include "perdure/raw.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"
#include "tests/cpp/servers/runner.h"

namespace perdure::testing::features {

namespace api = temporal::api::workflowservice::v1;
namespace enums = temporal::api::enums::v1;

class RareEvents : public Runner {
 public:
  using Runner::Runner;

  int run_all() {
    const auto rare = [this](const std::string& name, void (RareEvents::*run)(const std::string&)) {
      add(name, [this, run](const std::string& own) { (this->*run)(own); });
    };
    worker_ = worker(prefix());
    rare("stops", &RareEvents::stops);
    rare("losses", &RareEvents::losses);
    rare("reset", &RareEvents::reset);
    rare("directed", &RareEvents::directed);
    rare("tasks", &RareEvents::tasks);
    // Only some servers do this, and none unless it is told to.
    if (std::getenv("RARE_TIME_SKIPPING") != nullptr) rare("skipped", &RareEvents::skipped);
    return wait();
  }

 private:
  template <class Response, class Request>
  Response call(std::string_view method, Request request) const {
    request.set_namespace_(client().namespace_());
    return client().raw().workflow_service<Response>(method, std::move(request));
  }

  void stops(const std::string& name) {
    const auto other = start<&Kid::run>(name + "-other", 1);
    expect(start<&Stops::run>(name, other.id()).result(), "stopped, nobody");
    try {
      other.result();
      throw Failed("the other was not canceled");
    } catch (const WorkflowFailedError& error) {
      if (!is_cancellation(error.failure_ptr())) throw;
    }
    replay(name, id_of(name));
    replay("stopped", other.id());
  }

  void losses(const std::string& name) {
    const auto run = start<&Losses::run>(name);
    const std::string late = id_of(name) + "-kid-1", killed = id_of(name) + "-kid-2";
    while (!run.query<&Losses::waiting>()) std::this_thread::sleep_for(100ms);
    client().handle_by_name<void>(killed).terminate("of no more use");
    try {
      run.result();
      throw Failed("it did not fail");
    } catch (const WorkflowFailedError& error) {
      if (!std::string_view(error.what()).ends_with(": late, killed")) throw;
    }
    replay(name, id_of(name));
    replay("late", late);
    replay("killed", killed);
  }

  // Reset to its first task: updates and signals come again.
  void reset(const std::string& name) {
    const auto before = start<&Draws::run>(name);
    expect(before.query<&Draws::sum>(), 0);
    expect(before.update<&Draws::add>(3), 3);
    expect(before.update<&Draws::add>(4), 7);
    before.signal<&Draws::close>();
    const std::string drawn = before.result();
    api::ResetWorkflowExecutionRequest request;
    request.mutable_workflow_execution()->set_workflow_id(before.id());
    request.mutable_workflow_execution()->set_run_id(before.run_id());
    request.set_reason("to see it again");
    request.set_workflow_task_finish_event_id(first_completion(before.fetch_history()));
    request.set_request_id(before.run_id());
    const auto response =
        call<api::ResetWorkflowExecutionResponse>("ResetWorkflowExecution", request);
    const auto after = client().handle<&Draws::run>(before.id(), response.run_id());
    const std::string again = after.result();
    expect(again.substr(again.find(' ')), " 7");
    if (again == drawn) throw Failed("the reset run drew the number of the one before: " + drawn);
    replay(name, after.id(), after.run_id());
  }
  static std::int64_t first_completion(const History& history) {
    temporal::api::history::v1::History parsed;
    parsed.ParseFromString(history.serialized());
    for (const auto& event : parsed.events())
      if (event.event_type() == enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED) return event.event_id();
    throw Failed("no workflow task was completed");
  }

  // Its options are changed, and it is paused and goes on.
  void directed(const std::string& name) {
    const auto run = start<&Kid::run>(name, 1);
    api::UpdateWorkflowExecutionOptionsRequest options;
    options.mutable_workflow_execution()->set_workflow_id(run.id());
    options.mutable_workflow_execution_options()->mutable_priority()->set_priority_key(2);
    options.mutable_update_mask()->add_paths("priority");
    call<api::UpdateWorkflowExecutionOptionsResponse>("UpdateWorkflowExecutionOptions", options);
    api::PauseWorkflowExecutionRequest pause;
    pause.set_workflow_id(run.id());
    pause.set_reason("lunch");
    pause.set_request_id("pause-" + run.run_id());
    call<api::PauseWorkflowExecutionResponse>("PauseWorkflowExecution", pause);
    run.signal<&Kid::poke>();
    api::UnpauseWorkflowExecutionRequest unpause;
    unpause.set_workflow_id(run.id());
    unpause.set_reason("coffee");
    unpause.set_request_id("unpause-" + run.run_id());
    call<api::UnpauseWorkflowExecutionResponse>("UnpauseWorkflowExecution", unpause);
    run.signal<&Kid::poke>();
    expect(run.result(), 3);
    replay(name, run.id());
  }

  // Of two workflows on a queue of their own one's first task fails, the other's is lost.
  void tasks(const std::string& name) {
    const std::string queue = id_of(name);
    const auto start_one = [&](const std::string& id) {
      return client().start<&Patched::run>(
          {.id = id, .task_queue = queue, .run_timeout = 2min, .task_timeout = 1s});
    };
    const std::string failed_id = id_of("task_failed"), lost_id = id_of("task_lost");
    const auto failed = start_one(failed_id), lost = start_one(lost_id);
    for (int taken = 0; taken < 2;) {
      api::PollWorkflowTaskQueueRequest poll;
      poll.set_namespace_(client().namespace_());
      poll.mutable_task_queue()->set_name(queue);
      const auto polled =
          client().raw().long_poll().workflow_service<api::PollWorkflowTaskQueueResponse>(
              "PollWorkflowTaskQueue", poll);
      if (polled.task_token().empty()) continue;
      ++taken;
      if (polled.workflow_execution().workflow_id() != failed_id) continue;
      api::RespondWorkflowTaskFailedRequest fail;
      fail.set_task_token(polled.task_token());
      fail.set_cause(enums::WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE);
      fail.mutable_failure()->set_message("out of order");
      call<api::RespondWorkflowTaskFailedResponse>("RespondWorkflowTaskFailed", fail);
    }
    const auto own = worker(queue);
    expect(failed.result(), "new new");
    expect(lost.result(), "new new");
    replay("task_failed", failed_id);
    replay("task_lost", lost_id);
  }

  // Sleeps in time that the server skips.
  void skipped(const std::string& name) {
    api::StartWorkflowExecutionRequest request;
    request.set_workflow_id(id_of(name));
    request.set_request_id(id_of(name));
    request.mutable_workflow_type()->set_name("Patched");
    request.mutable_task_queue()->set_name(prefix());
    request.mutable_time_skipping_config()->set_enabled(true);
    call<api::StartWorkflowExecutionResponse>("StartWorkflowExecution", request);
    expect(client().handle<&Patched::run>(id_of(name)).result(), "new new");
    replay(name, id_of(name));
  }

  std::unique_ptr<Worker> worker_;
};

}  // namespace perdure::testing::features

int main(int count, char** words) {
  using namespace perdure::testing::features;
  return RareEvents(Arguments::from(count, words)).run_all();
}
