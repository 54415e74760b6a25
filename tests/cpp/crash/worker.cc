// The worker that the crash test kills: `cpp_crash QUEUE LEDGER RUNS_IN_CACHE`. Each execution of
// an activity is written to the file LEDGER as it begins: `ACTIVITY KEY ATTEMPT`.
#include <fcntl.h>
#include <unistd.h>

#include <iostream>

#include "perdure/client.h"
#include "perdure/worker.h"
#include "perdure/workflow.h"

namespace crash {

using namespace std::chrono_literals;
namespace workflow = perdure::workflow;

// Activities that share the ledger.
class Steps {
 public:
  explicit Steps(const std::string& ledger)
      : file_(open(ledger.c_str(), O_WRONLY | O_APPEND | O_CREAT, 0644)) {
    if (file_ < 0) throw perdure::Error("no ledger: " + ledger);
  }
  ~Steps() { close(file_); }
  Steps(const Steps&) = delete;

  int post(perdure::activity_context& context, std::string account, int number) {
    write_down(context, account + "/" + std::to_string(number));
    return number;
  }
  std::string step(perdure::activity_context& context, std::string key) {
    write_down(context, key);
    context.sleep_for(150ms);
    return "step " + key;
  }
  std::string local_step(perdure::activity_context& context, std::string key) {
    write_down(context, key);
    return "local " + key;
  }

 private:
  // One write, so that lines of several processes do not mix.
  void write_down(const perdure::activity_context& context, const std::string& key) {
    const std::string line = context.info().activity_type + " " + key + " " +
                             std::to_string(context.info().attempt) + "\n";
    if (write(file_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
      throw perdure::Error("the ledger is full");
    }
  }
  const int file_;
};

constexpr perdure::activity_options kQuick{
    .start_to_close = 2s, .retry = {.initial_interval = 50ms, .backoff_coefficient = 1.2}};

struct Total {
  std::vector<int> signaled, updated, posted;
};

// Posts each number that it is given, by signal or update, through an activity; ends when told.
struct Account {
  perdure::task<Total> run() {
    while (true) {
      co_await workflow::until([this] { return !todo.empty() || is_ended; });
      if (todo.empty()) break;
      const int number = todo.front();
      todo.erase(todo.begin());
      const std::string account = workflow::info().workflow_id;
      total.posted.push_back(co_await workflow::activity<&Steps::post>(account, number, kQuick));
    }
    co_await workflow::until(workflow::all_handlers_finished);
    co_return total;
  }
  void give(int number) {
    total.signaled.push_back(number);
    todo.push_back(number);
  }
  void end() { is_ended = true; }
  // Answers once the number is posted.
  perdure::task<int> put(int number) {
    total.updated.push_back(number);
    todo.push_back(number);
    co_await workflow::until([this, number] {
      return std::find(total.posted.begin(), total.posted.end(), number) != total.posted.end();
    });
    co_return number;
  }
  Total total;
  std::vector<int> todo;
  bool is_ended = false;
  using handlers = perdure::define<perdure::entry<&Account::run>, perdure::signal<&Account::give>,
                                   perdure::signal<&Account::end>, perdure::update<&Account::put>>;
};

struct Part {
  perdure::task<std::string> run(std::string key) {
    co_await workflow::sleep(50ms);
    co_return co_await workflow::activity<&Steps::step>(key, kQuick);
  }
  using handlers = perdure::define<perdure::entry<&Part::run>>;
};

// Timers, activities at once and one after the other, local ones, a child, a side effect.
struct Job {
  perdure::task<std::string> run(std::string key) {
    const int drawn = workflow::side_effect([] { return 7; });
    const std::string a = key + "-a", b = key + "-b", c = key + "-c", id = key + "-part";
    const std::string local =
        co_await workflow::local_activity<&Steps::local_step>(key, {.start_to_close = 2s});
    auto first = workflow::activity<&Steps::step>(a, kQuick);
    auto second = workflow::activity<&Steps::step>(b, kQuick);
    auto child = workflow::child<&Part::run>(c, {.id = id, .task_timeout = 2s});
    co_await workflow::sleep(100ms);
    const auto [one, two] = co_await workflow::all(first, second);
    const std::string part = co_await child;
    co_return local + ", " + one + ", " + two + ", " + part + ", " + std::to_string(drawn);
  }
  using handlers = perdure::define<perdure::entry<&Job::run>>;
};

int work(const std::string& queue, const std::string& ledger, std::int64_t runs_in_cache) {
  const perdure::Client client = perdure::Client::connect();
  Steps steps(ledger);
  perdure::WorkerOptions options{.task_queue = queue};
  options.cache.runs = runs_in_cache;
  // What waits for a killed worker does not wait long.
  options.sticky_timeout = 500ms;
  perdure::Worker worker(client, options);
  worker.workflow<Account>().workflow<Part>().workflow<Job>();
  worker.activity<&Steps::post>(steps).activity<&Steps::step>(steps).activity<&Steps::local_step>(
      steps);
  std::cout << "ready" << std::endl;
  worker.run_until_signal();
  return 0;
}

}  // namespace crash

int main(int count, char** arguments) {
  if (count != 4) {
    std::cerr << "usage: cpp_crash QUEUE LEDGER RUNS_IN_CACHE\n";
    return 2;
  }
  return crash::work(arguments[1], arguments[2], std::stoll(arguments[3]));
}
