// Runs workflows on the server at TEMPORAL_ADDRESS, all at once, each with checks of its own, and
// replays what they left. Prints `passed NAME` or `FAILED NAME: why` for each and the counts last.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "perdure/client.h"
#include "perdure/replayer.h"
#include "perdure/worker.h"
#include "worker-sdk/testing/features.h"
#include "worker-sdk/testing/rare_events.h"

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

// PREFIX RUNS_IN_CACHE [ONLY [FOLDER]]: ONLY is the one case to run, or "all"; in FOLDER the
// histories are written down.
struct Arguments {
  std::string prefix;
  std::int64_t runs_in_cache = 0;
  std::string only = "all", folder = "";

  static Arguments from(int count, char** words) {
    if (count < 3 || count > 5) {
      std::cerr << "usage: " << words[0] << " PREFIX RUNS_IN_CACHE [ONLY [FOLDER]]\n";
      std::exit(2);
    }
    return {words[1], std::stoll(words[2]), count > 3 ? words[3] : "all",
            count > 4 ? words[4] : ""};
  }
};

template <class Host>
void register_all(Host& host) {
  register_workflows(host);
  register_rare_workflows(host);
}

class Runner {
 public:
  explicit Runner(Arguments arguments) : arguments_(std::move(arguments)) {}

 protected:
  // In a thread of its own.
  void add(const std::string& name, std::function<void(const std::string&)> run) {
    if (arguments_.only != "all" && arguments_.only != name) return;
    threads_.emplace_back([this, name, run = std::move(run)] { run_one(name, run); });
  }
  // Exit code, when all have ended.
  int wait() {
    for (std::thread& thread : threads_) thread.join();
    std::cout << passed_ << " passed, " << failed_ << " failed" << std::endl;
    return failed_ == 0 ? 0 : 1;
  }

  const Client& client() const { return client_; }
  const std::string& prefix() const { return arguments_.prefix; }
  std::string id_of(const std::string& name) const { return prefix() + name; }

  template <auto Run, class... A>
  handle_of<Run> start(const std::string& name, const A&... inputs) {
    const std::string id = id_of(name);
    return client_.start<Run>({.id = id, .task_queue = prefix(), .run_timeout = 2min}, inputs...);
  }
  std::unique_ptr<Worker> worker(const std::string& task_queue) const {
    WorkerOptions with{.task_queue = task_queue};
    with.cache.runs = arguments_.runs_in_cache;
    auto made = std::make_unique<Worker>(client_, with);
    register_all(*made);
    made->activity<&echo>().activity<&flaky>().activity<&refuse>().activity<&until_canceled>();
    made->start();
    return made;
  }
  // Keeps the history of that run, of the latest if none is named, and replays it.
  void replay(const std::string& file, const std::string& id, const std::string& run_id = "") {
    const History history = client_.handle_by_name<void>(id, run_id).fetch_history();
    if (!arguments_.folder.empty())
      std::ofstream(arguments_.folder + "/" + file + ".json") << history.to_json();
    Replayer replayer({.at_every_task = true});
    register_all(replayer);
    const ReplayResult result = replayer.replay(history);
    if (!result.ok) throw Failed("replay of " + file + ": " + result.message);
  }

 private:
  static Client connected() {
    ClientOptions options = ClientOptions::from_environment();
    options.identity = "features";
    return Client::connect(std::move(options));
  }
  void run_one(const std::string& name, const std::function<void(const std::string&)>& run) {
    std::string problem;
    try {
      run(name);
    } catch (const std::exception& error) {
      problem = error.what();
    }
    const std::lock_guard lock(mutex_);
    std::cout << (problem.empty() ? "passed " + name : "FAILED " + name + ": " + problem)
              << std::endl;
    ++(problem.empty() ? passed_ : failed_);
  }

  const Arguments arguments_;
  const Client client_ = connected();
  std::vector<std::thread> threads_;
  std::mutex mutex_;  // Guards what is printed and counted.
  int passed_ = 0, failed_ = 0;
};

}  // namespace perdure::testing::features
