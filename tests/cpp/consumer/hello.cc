// One workflow, one activity, a worker and a client, in one program. See ../README.md.
#include <iostream>

#include "perdure/client.h"
#include "perdure/worker.h"
#include "perdure/workflow.h"

using namespace std::chrono_literals;

std::string greet(std::string name) { return "Hello, " + name + "!"; }

struct Greeting {
  perdure::task<std::string> run(std::string name) {
    co_return co_await perdure::workflow::activity<&greet>(name, {.start_to_close = 10s});
  }
  using handlers = perdure::define<perdure::entry<&Greeting::run>>;
};

int main() {
  const perdure::Client client = perdure::Client::connect();
  perdure::Worker worker(client, {.task_queue = "hello"});
  worker.workflow<Greeting>().activity<&greet>();
  worker.start();
  std::cout << client.execute<&Greeting::run>({.id = "hello-1", .task_queue = "hello"}, "Perdure")
            << "\n";
}
