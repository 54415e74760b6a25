// A report every night: a schedule, a patch in the workflow's code, a memo; and what runs are found
// in a list.
#include <iostream>

#include "perdure/client.h"
#include "perdure/schedule.h"
#include "perdure/worker.h"
#include "perdure/workflow.h"

using namespace std::chrono_literals;
namespace workflow = perdure::workflow;

struct Report {
  std::string region;
  int rows = 0;
};
Report build_report(const std::string& region) { return {region, 42}; }

struct Nightly {
  perdure::task<Report> run(std::string region) {
    workflow::upsert_memo("region", region);
    // Runs from before this line was written go on without the wait.
    if (workflow::patched("wait-for-late-data")) co_await workflow::sleep(100ms);
    co_return co_await workflow::activity<&build_report>(region,
                                                         {.start_to_close = 1h, .heartbeat = 30s});
  }
  using handlers = perdure::define<perdure::entry<&Nightly::run, "nightly-report">>;
};

int main() {
  const perdure::Client client = perdure::Client::connect();
  perdure::Worker worker(client, {.task_queue = "reports"});
  worker.workflow<Nightly>().activity<&build_report>();
  worker.start();

  try {
    auto nightly = client.schedules().create<&Nightly::run>(
        "nightly", {.cron = {"0 2 * * *"}}, {.id = "nightly", .task_queue = "reports"}, "eu");
    nightly.trigger();
    std::cout << "the schedule's next times:\n";
    for (const perdure::Timestamp& time : nightly.describe().next_action_times) {
      std::cout << "  " << perdure::json::time_text(time) << "\n";
    }
    nightly.remove();
  } catch (const perdure::RpcError& error) {
    if (error.code() != perdure::RpcCode::unimplemented) throw;
    std::cout << "this server has no schedules (" << error.what()
              << "); started once by hand instead\n";
  }
  const Report report =
      client.execute<&Nightly::run>({.id = "nightly-by-hand", .task_queue = "reports"}, "us");
  std::cout << report.region << ": " << report.rows << " rows\n";
  try {
    std::cout << client.count("WorkflowType = 'nightly-report'").count << " report(s) so far\n";
  } catch (const perdure::RpcError& error) {
    if (error.code() != perdure::RpcCode::unimplemented) throw;
    std::cout << "this server does not count (" << error.what() << ")\n";
  }
}
