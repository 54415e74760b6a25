// Many children with a bound on how many run at once; and a race, whose losers are canceled.
#include <iostream>

#include "perdure/client.h"
#include "perdure/worker.h"
#include "perdure/workflow.h"

using namespace std::chrono_literals;
namespace workflow = perdure::workflow;

struct Part {
  int from = 0;
  int to = 0;
};
std::int64_t sum_range(Part part) {
  std::int64_t sum = 0;
  for (int i = part.from; i < part.to; ++i) sum += i;
  return sum;
}

struct SumPart {
  perdure::task<std::int64_t> run(Part part) {
    if (part.from < 0) throw perdure::ApplicationError("a bad part");
    co_await workflow::sleep(100ms);
    co_return co_await workflow::activity<&sum_range>(part, {.start_to_close = 1min});
  }
  using handlers = perdure::define<perdure::entry<&SumPart::run>>;
};

struct Job {
  int count = 0;
  int part_size = 10;
  int width = 4;
};

struct SumAll {
  perdure::task<std::int64_t> run(Job job) {
    std::int64_t total = 0;
    std::vector<perdure::handle<std::int64_t>> open;
    for (int from = 0; from < job.count; from += job.part_size) {
      if (static_cast<int>(open.size()) == job.width) {
        const std::size_t ended = co_await workflow::first(open);
        total += co_await open[ended];
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(ended));
        ++done;
      }
      const Part part{from, std::min(from + job.part_size, job.count)};
      open.push_back(workflow::child<&SumPart::run>(
          part, {.on_parent_close = perdure::parent_close::request_cancel}));
    }
    const std::vector<std::int64_t> rest = co_await workflow::all(open);
    for (const std::int64_t sum : rest) total += sum;
    done += static_cast<int>(rest.size());
    co_return total;
  }
  int parts_done() const { return done; }
  int done = 0;
  using handlers =
      perdure::define<perdure::entry<&SumAll::run>, perdure::query<&SumAll::parts_done>>;
};

struct FirstWins {
  perdure::task<int> run(int runners) {
    std::vector<perdure::task<int>> all;
    for (int i = 1; i <= runners; ++i) all.push_back(runner(i, runners));
    co_return co_await workflow::race(std::move(all));
  }
  perdure::task<int> runner(int number, int runners) {
    co_await workflow::sleep(std::chrono::milliseconds(200 * (1 + runners - number)));
    co_return number;
  }
  using handlers = perdure::define<perdure::entry<&FirstWins::run>>;
};

int main() {
  const perdure::Client client = perdure::Client::connect();
  perdure::Worker worker(client, {.task_queue = "sums"});
  worker.workflow<SumPart>().workflow<SumAll>().workflow<FirstWins>().activity<&sum_range>();
  worker.start();

  const Job job{.count = 95};
  auto sum = client.start<&SumAll::run>({.id = "sum", .task_queue = "sums"}, job);
  const std::int64_t total = sum.result();
  std::cout << "the sum is " << total << ", of " << sum.query<&SumAll::parts_done>() << " parts\n";
  std::cout << "the winner is "
            << client.execute<&FirstWins::run>({.id = "race", .task_queue = "sums"}, 5) << "\n";
  return total == 94 * 95 / 2 ? 0 : 1;
}
