// The actions of a client, from within an activity.
#include <future>
#include <thread>

#include "activities.h"
#include "kitchen_sink.h"

namespace omes {
namespace {

// Of one attempt of the activity. Knows nothing of its context: it may outlive the attempt.
class Sequence {
 public:
  Sequence(perdure::Client client, const perdure::ActivityInfo& info)
      : client_(std::move(client)), workflow_id_(info.workflow_id), task_queue_(info.task_queue) {}

  void run(const ks::ClientSequence& sequence) {
    for (const ks::ClientActionSet& set : sequence.action_sets()) run(set);
  }

 private:
  void run(const ks::ClientActionSet& set) {
    const std::string run_id =
        set.wait_for_current_run_to_finish_at_end() ? handle().describe().run_id : std::string();
    if (set.concurrent()) {
      std::vector<std::future<void>> running;
      for (const ks::ClientAction& action : set.actions())
        running.push_back(std::async(std::launch::async, [this, &action] { run(action); }));
      for (std::future<void>& one : running) one.wait();
      for (std::future<void>& one : running) one.get();
    } else {
      for (const ks::ClientAction& action : set.actions()) run(action);
    }
    if (set.has_wait_at_end()) std::this_thread::sleep_for(to_nanoseconds(set.wait_at_end()));
    if (set.wait_for_current_run_to_finish_at_end()) await_end(run_id);
  }

  void run(const ks::ClientAction& action) {
    switch (action.variant_case()) {
      case ks::ClientAction::kDoSignal:
        return signal(action.do_signal());
      case ks::ClientAction::kDoQuery:
        return query(action.do_query());
      case ks::ClientAction::kDoUpdate:
        return update(action.do_update());
      case ks::ClientAction::kNestedActions:
        return run(action.nested_actions());
      case ks::ClientAction::kDoDescribe:
        static_cast<void>(handle().describe());
        return;
      case ks::ClientAction::kDoStandaloneNexusOperation:
        refuse("do_standalone_nexus_operation, because this SDK has no Nexus");
      case ks::ClientAction::kDoStandaloneActivity:
        refuse("do_standalone_activity");
      case ks::ClientAction::kDoStandaloneActivityOperatorCommands:
        refuse("do_standalone_activity_operator_commands");
      case ks::ClientAction::VARIANT_NOT_SET:
        refuse("a client action without a known variant");
    }
  }

  void signal(const ks::DoSignal& signal) {
    if (signal.has_custom()) {
      if (signal.with_start()) refuse("do_signal.custom with_start");
      with_arguments(signal.custom().args(), [&](const auto&... arguments) {
        handle().signal_by_name(signal.custom().name(), arguments...);
      });
    } else if (signal.with_start()) {
      static_cast<void>(client_.signal_with_start<&KitchenSink::run, &KitchenSink::on_signal>(
          {.id = workflow_id_, .task_queue = task_queue_}, perdure::args(ks::WorkflowInput()),
          perdure::args(signal.do_signal_actions())));
    } else {
      handle().signal<&KitchenSink::on_signal>(signal.do_signal_actions());
    }
  }

  void query(const ks::DoQuery& query) {
    try {
      if (query.has_custom()) {
        with_arguments(query.custom().args(), [&](const auto&... arguments) {
          static_cast<void>(
              client_.handle_by_name<>(workflow_id_)
                  .query_by_name<perdure::Payload>(query.custom().name(), arguments...));
        });
      } else {
        static_cast<void>(handle().query<&KitchenSink::report_state>());
      }
    } catch (const perdure::Error&) {
      if (!query.failure_expected()) throw;
    }
  }

  void update(const ks::DoUpdate& update) {
    try {
      if (update.has_custom()) {
        if (update.with_start()) refuse("do_update.custom with_start");
        with_arguments(update.custom().args(), [&](const auto&... arguments) {
          static_cast<void>(
              client_.handle_by_name<>(workflow_id_)
                  .update_by_name<perdure::Payload>(update.custom().name(), arguments...));
        });
      } else if (update.with_start()) {
        static_cast<void>(client_
                              .update_with_start<&KitchenSink::run, &KitchenSink::on_update>(
                                  {.id = workflow_id_,
                                   .task_queue = task_queue_,
                                   .id_conflict = perdure::id_conflict_policy::use_existing},
                                  {.wait_for = perdure::update_stage::completed},
                                  perdure::args(ks::WorkflowInput()),
                                  perdure::args(update.do_actions()))
                              .update.result());
      } else {
        static_cast<void>(handle().update<&KitchenSink::on_update>(update.do_actions()));
      }
    } catch (const perdure::Error&) {
      if (!update.failure_expected()) throw;
    }
  }

  void await_end(const std::string& run_id) {
    try {
      static_cast<void>(
          client_.handle<&KitchenSink::run>(workflow_id_, run_id).result({.follow_runs = false}));
    } catch (const perdure::WorkflowContinuedAsNewError&) {
      // That is what was waited for.
    }
  }

  perdure::handle_of<&KitchenSink::run> handle() const {
    return client_.handle<&KitchenSink::run>(workflow_id_);
  }

  const perdure::Client client_;
  const std::string workflow_id_, task_queue_;
};

}  // namespace

perdure::task<void> ClientActions::run(perdure::activity_context& context,
                                       Activities::ClientActivity activity) {
  const auto sequence = std::make_shared<Sequence>(client_, context.info());
  const auto start = [sequence, activity](perdure::completer<void> done) {
    std::thread([sequence, activity, done] {
      try {
        sequence->run(activity.client_sequence());
        done.complete();
      } catch (...) {
        done.fail(std::current_exception());
      }
    }).detach();
  };
  co_await perdure::activity::async<void>(start);
}

}  // namespace omes
