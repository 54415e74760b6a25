// All feature workflows against a server: `cpp_features PREFIX RUNS_IN_CACHE [ONLY [FOLDER]]`.
// Prints `passed NAME` or `FAILED NAME: why` for each and the counts last. ONLY is the one feature
// to run, or "all"; in FOLDER the histories are written down. TEMPORAL_ADDRESS says where the
// server is.
#include "worker-sdk/testing/features.h"

#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <thread>

#include "perdure/client.h"
#include "perdure/replayer.h"
#include "perdure/worker.h"

namespace perdure::testing::features {

class Failed : public Error {
  using Error::Error;
};
template <class T>
std::string shown(const T& value) {
  return encode(value).data;
}
template <class T>
void expect(const T& value, const std::type_identity_t<T>& expected) {
  if (value != expected) throw Failed(shown(value) + " is not " + shown(expected));
}

class Features {
 public:
  Features(const Client& client, std::string prefix, std::string only, std::string folder)
      : client_(client),
        prefix_(std::move(prefix)),
        only_(std::move(only)),
        folder_(std::move(folder)) {}

  // Runs all of them at once, each in a thread; how many failed.
  int run_all() {
    std::vector<std::thread> threads;
    const auto add = [&](const std::string& name, void (Features::*feature)(const std::string&)) {
      if (only_ == "all" || only_ == name)
        threads.emplace_back([this, name, feature] { run_one(name, feature); });
    };
    add("failures", &Features::failures);
    add("local", &Features::local);
    add("local_backoff", &Features::local_backoff);
    add("parent", &Features::parent);
    add("continues", &Features::continues);
    add("effects", &Features::effects);
    add("shown", &Features::shown_in_lists);
    add("patched", &Features::patched);
    add("canceled", &Features::canceled);
    add("cart", &Features::cart);
    for (std::thread& thread : threads) thread.join();
    std::cout << passed_ << " passed, " << failed_ << " failed" << std::endl;
    return failed_;
  }

 private:
  void run_one(const std::string& name, void (Features::*feature)(const std::string&)) {
    std::string problem;
    try {
      (this->*feature)(name);
      replay(name);
    } catch (const std::exception& error) {
      problem = error.what();
    }
    const std::lock_guard lock(mutex_);
    std::cout << (problem.empty() ? "passed " + name : "FAILED " + name + ": " + problem)
              << std::endl;
    ++(problem.empty() ? passed_ : failed_);
  }
  void replay(const std::string& name) {
    const History history = recorded(prefix_ + name, name);
    if (name == "parent") recorded(prefix_ + "parent-kid-1", "kid");
    Replayer replayer({.at_every_task = true});
    register_workflows(replayer);
    const ReplayResult result = replayer.replay(history);
    if (!result.ok) throw Failed("replay: " + result.message);
  }
  History recorded(const std::string& id, const std::string& file) {
    const History history = client_.handle_by_name<void>(id).fetch_history();
    if (!folder_.empty()) std::ofstream(folder_ + "/" + file + ".json") << history.to_json();
    return history;
  }
  template <auto Run, class... A>
  handle_of<Run> start(const std::string& name, const A&... inputs) {
    const std::string id = prefix_ + name;
    return client_.start<Run>({.id = id, .task_queue = prefix_, .run_timeout = 2min}, inputs...);
  }

  void failures(const std::string& name) {
    expect(start<&Failures::run>(name).result(), "Bad refused 7 final, twice, unknown, timeout");
  }
  void local(const std::string& name) { expect(start<&Local::run>(name).result(), "one3Noxy"); }
  void local_backoff(const std::string& name) {
    expect(start<&LocalBackoff::run>(name, std::chrono::seconds(4)).result(), 2);
  }
  void parent(const std::string& name) {
    expect(start<&Parent::run>(name).result(), "12 Negative canceled taken nobody");
    client_.handle_by_name<void>(prefix_ + name + "-kid-4").terminate("of no more use");
  }
  void continues(const std::string& name) {
    expect(start<&Continues::run>(name, 3, 0).result(), 6);
  }
  void effects(const std::string& name) { expect(start<&Effects::run>(name).result(), "1112"); }
  void shown_in_lists(const std::string& name) { expect(start<&Shown::run>(name).result(), "red"); }
  void patched(const std::string& name) { expect(start<&Patched::run>(name).result(), "new new"); }
  void canceled(const std::string& name) {
    auto run = start<&Canceled::run>(name);
    // The first half ends by itself.
    while (run.query<&Canceled::progress>() < 1) std::this_thread::sleep_for(100ms);
    run.cancel("stop");
    try {
      run.result();
      throw Failed("it was not canceled");
    } catch (const WorkflowFailedError& error) {
      if (!is_cancellation(error.failure_ptr())) throw;
    }
    expect(run.query<&Canceled::what>(), "enough asked");
  }
  void cart(const std::string& name) {
    auto run = start<&Cart::run>(name);
    expect(run.update<&Cart::add>(3), 3);
    expect(run.update<&Cart::add>(4), 7);
    refused([&] { run.update<&Cart::add>(-1); });
    expect(run.update<&Cart::twice>(21), 42);
    refused([&] { run.update<&Cart::twice>(13); });
    run.signal_by_name("surprise", 1);
    expect(run.query<&Cart::signals>(), std::vector<std::string>{"surprise"});
    expect(run.query_by_name<std::string>("anything", 5), "anything5");
    expect(run.update_by_name<std::string>("whatever"), "whatever");
    run.signal<&Cart::close>();
    expect(run.result(), 7);
  }
  static void refused(const std::function<void()>& update) {
    try {
      update();
    } catch (const UpdateFailedError&) {
      return;
    }
    throw Failed("an update was not refused");
  }

  const Client& client_;
  const std::string prefix_, only_, folder_;
  std::mutex mutex_;  // Guards what is printed and counted.
  int passed_ = 0, failed_ = 0;
};

int run(const std::string& prefix, std::int64_t runs_in_cache, const std::string& only,
        const std::string& folder) {
  ClientOptions options = ClientOptions::from_environment();
  options.identity = "features";
  const Client client = Client::connect(std::move(options));
  WorkerOptions with{.task_queue = prefix};
  with.cache.runs = runs_in_cache;
  Worker worker(client, with);
  register_workflows(worker);
  worker.activity<&echo>().activity<&flaky>().activity<&refuse>();
  worker.start();
  return Features(client, prefix, only, folder).run_all() == 0 ? 0 : 1;
}

}  // namespace perdure::testing::features

int main(int count, char** arguments) {
  if (count < 3 || count > 5) {
    std::cerr << "usage: cpp_features PREFIX RUNS_IN_CACHE [ONLY [FOLDER]]\n";
    return 2;
  }
  return perdure::testing::features::run(arguments[1], std::stoll(arguments[2]),
                                         count > 3 ? arguments[3] : "all",
                                         count > 4 ? arguments[4] : "");
}
