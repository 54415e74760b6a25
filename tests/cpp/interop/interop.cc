// The C++ half of the interop tests: `interop worker QUEUE` works until it is told to stop, and
// `interop traced-worker QUEUE` does so with an interceptor that traces;
// `interop client QUEUE PREFIX` does to Python's workflows what a client can do and prints what
// came of it, a line of JSON for each step. TEMPORAL_ADDRESS says where the server is.
#include <functional>
#include <iostream>

#include "perdure/worker.h"
#include "tracing.h"
#include "workflows.h"

namespace interop {

int work(const std::string& queue) {
  const perdure::Client client = connect();
  perdure::Worker worker(client, {.task_queue = queue});
  worker.workflow<CppCallsPython>().workflow<CppSeesPythonFail>().workflow<CppParent>();
  worker.workflow<CppChild>().workflow<CppDesk>().workflow<CppShown>();
  worker.activity<&cpp_change>().activity<&cpp_bytes>().activity<&cpp_nothing>();
  worker.activity<&cpp_message>()
      .activity<&cpp_maybe>()
      .activity<&cpp_add>()
      .activity<&cpp_fail>()
      .activity<&cpp_wait>();
  std::cout << "ready" << std::endl;
  worker.run_until_signal();
  return 0;
}

struct Step {
  std::string name;
  perdure::JsonValue value;
};

template <class T>
void say(const std::string& name, const T& value) {
  const Step step{name, {perdure::encode(value).data}};
  std::cout << perdure::encode(step).data << std::endl;
}
// The failure that this throws, with its causes.
void say_failure(const std::string& name, const std::function<void()>& call) {
  try {
    call();
    say(name, "no error");
  } catch (const perdure::FailureError& error) {
    say(name, chain_of(error.cause() == nullptr ? &error.failure() : error.cause()));
  } catch (const perdure::Error& error) {
    say(name, std::string(error.what()));
  }
}

Everything sample() {
  Everything value;
  value.text = "schön";
  value.large = 9'007'199'254'740'993;
  value.real = 0.25;
  value.nested = {"inner", 1};
  value.items = {{"a", 1}, {"b", 2}};
  value.counts = {{"k", 1}, {"ä", 2}};
  value.some = 5;
  value.shade = Shade::green;
  value.at = std::chrono::sys_days(std::chrono::year(2026) / 3 / 1) + 250ms;
  return value;
}

class Desk {
 public:
  Desk(const perdure::Client& client, std::string queue, std::string prefix)
      : client_(client), queue_(std::move(queue)), prefix_(std::move(prefix)) {}

  perdure::WorkflowHandle<void, Everything> start(const std::string& id) {
    const std::string full = prefix_ + id;
    return client_.start_by_name<Everything>("PyDesk", {.id = full, .task_queue = queue_},
                                             sample());
  }

  void talks() {
    auto desk = start("talk");
    say("started twice", refusal([&] { start("talk"); }));
    desk.signal_by_name("add", "signaled", 3);
    say("query", desk.query_by_name<Everything>("value"));
    say_failure("query fails", [&] { desk.query_by_name<std::string>("broken", "why"); });
    say_failure("no such query", [&] { desk.query_by_name<std::string>("nonsense"); });
    say("update", desk.update_by_name<int>("put", Item{"put", 9}));
    say_failure("update refused", [&] { desk.update_by_name<int>("put", Item{"x", -1}); });
    say_failure("update fails", [&] { desk.update_by_name<int>("put", Item{"bad", 1}); });
    desk.signal_by_name("close");
    say("result", desk.result());
    const perdure::WorkflowDescription about = desk.describe();
    say("status", std::string(perdure::to_string(about.status)));
  }

  void ends() {
    auto failing = start("fail");
    failing.signal_by_name("fail");
    say_failure("failure", [&] { failing.result(); });
    auto canceled = start("cancel");
    canceled.update_by_name<int>("put", Item{"is running", 1});
    canceled.cancel("enough");
    say_failure("cancel", [&] { canceled.result(); });
    say("canceled status", std::string(perdure::to_string(canceled.describe().status)));
    auto terminated = start("terminate");
    terminated.terminate("gone", Item{"detail", 1});
    say_failure("terminate", [&] { terminated.result(); });
    say_failure("signal to a closed one", [&] { terminated.signal_by_name("close"); });
    say_failure("no such workflow", [&] { client_.handle_by_name<int>("no-such-id").result(); });
  }

  void shows() {
    const perdure::PayloadMap found_by =
        perdure::search_attributes({kColor.set("green"), kSize.set(8)});
    const perdure::PayloadMap memo{{"note", perdure::encode(Item{"memo from C++", 1})}};
    const perdure::PayloadMap headers{{"trace", perdure::encode("trace-from-c++")}};
    const std::string id = prefix_ + "shown";
    auto shown =
        client_.start_by_name<std::vector<std::string>>("PyShown", {.id = id,
                                                                    .task_queue = queue_,
                                                                    .memo = &memo,
                                                                    .search_attributes = &found_by,
                                                                    .headers = &headers});
    say("seen", shown.result());
    const perdure::WorkflowDescription about = shown.describe();
    say("memo", perdure::decode<Item>(about.memo.at("answer")));
    say("color", kColor.decode(about.search_attributes.at("Color")));
    say("has size", about.search_attributes.contains("Size"));
  }

 private:
  static std::string refusal(const std::function<void()>& call) {
    try {
      call();
    } catch (const perdure::WorkflowAlreadyStartedError& error) {
      return error.run_id().empty() ? "without a run" : "refused";
    }
    return "taken";
  }

  const perdure::Client& client_;
  const std::string queue_, prefix_;
};

int ask(const std::string& queue, const std::string& prefix) {
  const perdure::Client client = connect();
  Desk desk(client, queue, prefix);
  desk.talks();
  desk.ends();
  desk.shows();
  return 0;
}

}  // namespace interop

int main(int count, char** arguments) {
  const std::vector<std::string> given(arguments + 1, arguments + count);
  if (given.size() == 2 && given[0] == "worker") return interop::work(given[1]);
  if (given.size() == 2 && given[0] == "traced-worker")
    return interop::work_traced(interop::connect(), given[1]);
  if (given.size() == 3 && given[0] == "client") return interop::ask(given[1], given[2]);
  std::cerr << "usage: interop worker QUEUE | traced-worker QUEUE | client QUEUE PREFIX\n";
  return 2;
}
