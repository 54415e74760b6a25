// The client and a worker of the same process against a running server: only with
// PERDURE_SERVER=host:port in the environment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <mutex>

#include "perdure/activity.h"
#include "perdure/client.h"
#include "perdure/encryption_codec.h"
#include "perdure/raw.h"
#include "perdure/schedule.h"
#include "perdure/worker.h"
#include "perdure/workflow.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"
#include "worker-sdk/client/server_calls.h"

namespace perdure {
namespace shop {

using namespace std::chrono_literals;

std::string later_token;  // Guarded by token_mutex.
std::mutex token_mutex;

std::string ask(activity_context& context, std::string question) {
  const std::lock_guard lock(token_mutex);
  later_token = context.complete_later();
  return {};
}

struct Cart {
  task<std::vector<std::string>> run(std::vector<std::string> items) {
    items_.insert(items_.begin(), items.begin(), items.end());
    co_await workflow::until([this] { return is_closed_; });
    co_return items_;
  }
  void close() { is_closed_ = true; }
  int count() const { return static_cast<int>(items_.size()); }
  int refuse() const { throw ApplicationError("not today", {.type = "Closed"}); }
  int add(std::string item) {
    items_.push_back(std::move(item));
    return count();
  }
  void check_add(const std::string& item) const {
    if (item.empty()) throw ApplicationError("an item has a name");
  }
  using handlers = define<entry<&Cart::run>, signal<&Cart::close>, query<&Cart::count>,
                          query<&Cart::refuse>, update<&Cart::add, &Cart::check_add>>;

 private:
  std::vector<std::string> items_;
  bool is_closed_ = false;
};

struct Countdown {
  task<int> run(int left) {
    if (left > 0) workflow::continue_as_new<&Countdown::run>(left - 1);
    co_return left;
  }
  using handlers = define<entry<&Countdown::run>>;
};

struct Failing {
  task<void> run() {
    co_await workflow::sleep(1ms);
    throw ApplicationError("no such account", {.type = "AccountError", .non_retryable = true});
  }
  using handlers = define<entry<&Failing::run>>;
};

struct Asking {
  task<std::string> run(std::string question) {
    co_return co_await workflow::activity<&ask>(question, {.start_to_close = 60s});
  }
  using handlers = define<entry<&Asking::run>>;
};

}  // namespace shop

namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
namespace api = temporal::api::workflowservice::v1;

class ClientServer : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("PERDURE_SERVER") == nullptr) GTEST_SKIP() << "PERDURE_SERVER is not set";
  }
  Client Connect(ClientOptions options = {}) {
    options.target = std::getenv("PERDURE_SERVER");
    return Client::connect(std::move(options));
  }
  // Queues differ by test, so that no test's worker gets another's tasks.
  std::string queue_ = "queue-" + client::RandomId();
  start_options Options() const { return {.task_queue = queue_}; }
  std::unique_ptr<Worker> Serve(const Client& client) {
    auto worker = std::make_unique<Worker>(client, WorkerOptions{.task_queue = queue_});
    worker->workflow<shop::Cart>().workflow<shop::Countdown>().workflow<shop::Failing>();
    worker->workflow<shop::Asking>().activity<&shop::ask>();
    worker->start();
    return worker;
  }
};

TEST_F(ClientServer, SignalsQueriesAndUpdatesReachTheWorkflow) {
  const Client client = Connect();
  const auto worker = Serve(client);
  const auto cart = client.start<&shop::Cart::run>(Options(), std::vector<std::string>{"tea"});
  EXPECT_EQ(cart.query<&shop::Cart::count>(), 1);
  EXPECT_EQ(cart.update<&shop::Cart::add>("milk"), 2);
  EXPECT_THROW(cart.update<&shop::Cart::add>(""), UpdateFailedError);
  EXPECT_THROW(cart.query<&shop::Cart::refuse>(), QueryFailedError);
  EXPECT_EQ(cart.query_by_name<int>("count"), 2);
  const auto update = cart.start_update<&shop::Cart::add>(update_stage::accepted, "sugar");
  EXPECT_EQ(update.result(), 3);
  EXPECT_EQ(cart.update_handle<&shop::Cart::add>(update.id()).result(), 3);
  cart.signal<&shop::Cart::close>();
  EXPECT_THAT(cart.result(), ElementsAre("tea", "milk", "sugar"));
  EXPECT_EQ(cart.query<&shop::Cart::count>(), 3) << "a closed workflow still answers";
  EXPECT_THROW(cart.query_with<&shop::Cart::count>({.reject = query_reject_condition::not_open}),
               QueryRejectedError);
}

TEST_F(ClientServer, ASignalOrAnUpdateStartsTheWorkflowThatIsMissing) {
  const Client client = Connect();
  const auto worker = Serve(client);
  const std::string id = client::RandomId();
  start_options options = Options();
  options.id = id;
  options.id_conflict = id_conflict_policy::use_existing;
  const std::vector<std::string> items = {"tea"};
  const auto both = client.update_with_start<&shop::Cart::run, &shop::Cart::add>(
      options, {}, args(items), args("milk"));
  EXPECT_EQ(both.update.result(), 1) << "handlers run before the main function's first step";
  const auto cart =
      client.signal_with_start<&shop::Cart::run, &shop::Cart::close>(options, args(items), args());
  EXPECT_EQ(cart.run_id(), both.workflow.run_id()) << "it was running";
  EXPECT_THAT(cart.result(), ElementsAre("tea", "milk"));
}

TEST_F(ClientServer, AResultComesFromTheLastRunOfTheChain) {
  const Client client = Connect();
  const auto worker = Serve(client);
  const auto handle = client.start<&shop::Countdown::run>(Options(), 1);
  EXPECT_EQ(handle.result(), 0);
  EXPECT_THROW(handle.result({.follow_runs = false}), WorkflowContinuedAsNewError);
}

TEST_F(ClientServer, AFailedCanceledOrTerminatedWorkflowThrowsItsReason) {
  const Client client = Connect();
  const auto worker = Serve(client);
  try {
    client.execute<&shop::Failing::run>(Options());
    FAIL() << "it fails";
  } catch (const WorkflowFailedError& error) {
    try {
      error.rethrow_cause();
    } catch (const ApplicationError& cause) {
      EXPECT_EQ(cause.type(), "AccountError");
      EXPECT_TRUE(cause.non_retryable());
    }
  }
  const auto terminated = client.start<&shop::Cart::run>(Options(), std::vector<std::string>());
  terminated.terminate("enough");
  try {
    terminated.result();
    FAIL() << "it was terminated";
  } catch (const WorkflowFailedError& error) {
    EXPECT_THROW(error.rethrow_cause(), TerminatedError);
    EXPECT_THAT(error.what(), HasSubstr("enough"));
  }
  const auto canceled = client.start<&shop::Cart::run>(Options(), std::vector<std::string>());
  canceled.cancel("late");
  try {
    canceled.result();
    FAIL() << "it was canceled";
  } catch (const WorkflowFailedError& error) {
    EXPECT_THROW(error.rethrow_cause(), CanceledError);
  }
  EXPECT_THROW(canceled.signal<&shop::Cart::close>(), WorkflowNotFoundError);
}

TEST_F(ClientServer, AnIdInUseIsRefused) {
  const Client client = Connect();
  const auto handle = client.start<&shop::Cart::run>(Options(), std::vector<std::string>());
  start_options again = Options();
  again.id = handle.id();
  try {
    client.start<&shop::Cart::run>(again, std::vector<std::string>());
    FAIL() << "the id is in use";
  } catch (const WorkflowAlreadyStartedError& error) {
    EXPECT_EQ(error.run_id(), handle.run_id());
  }
  handle.terminate();
}

TEST_F(ClientServer, ADescriptionTellsWhatWasGivenAtTheStart) {
  const Client client = Connect();
  const PayloadMap memo = {{"color", encode(std::string("red"))}};
  start_options options = Options();
  options.memo = &memo;
  options.summary = "a cart";
  options.run_timeout = 1h;
  const auto handle = client.start<&shop::Cart::run>(options, std::vector<std::string>());
  const WorkflowDescription description = handle.describe();
  EXPECT_EQ(description.workflow_type, "Cart");
  EXPECT_EQ(description.status, WorkflowStatus::running);
  EXPECT_EQ(description.task_queue, queue_);
  EXPECT_EQ(description.summary, "a cart");
  EXPECT_EQ(description.run_timeout, 1h);
  EXPECT_EQ(decode<std::string>(description.memo.at("color")), "red");
  handle.terminate();
}

TEST_F(ClientServer, RunsAreListedAndCounted) {
  const Client client = Connect();
  for (int i = 0; i < 5; ++i) client.start<&shop::Countdown::run>(Options(), 0);
  const std::string query = "TaskQueue = '" + queue_ + "'";
  // Lists may be behind the writes; nothing else tells when they are not.
  while (client.count(query).count < 5) std::this_thread::yield();
  std::vector<WorkflowExecution> runs;
  for (const WorkflowExecution& run : client.list(query, 2)) runs.push_back(run);
  EXPECT_EQ(runs.size(), 5u);
  for (const WorkflowExecution& run : runs) {
    EXPECT_EQ(run.workflow_type, "Countdown");
    client.handle_by_name(run.workflow_id, run.run_id).terminate();
  }
}

TEST_F(ClientServer, AnEncryptedWorkflowShowsTheServerNothing) {
  ClientOptions options;
  options.codecs = {std::make_shared<EncryptionCodec>("key-1", std::string(32, 'k'))};
  options.encode_failure_attributes = true;
  const Client client = Connect(options);
  const auto worker = Serve(client);
  const std::vector<std::string> items = {"secret tea"};
  const auto cart = client.start<&shop::Cart::run>(Options(), items);
  EXPECT_EQ(cart.query<&shop::Cart::count>(), 1);
  EXPECT_EQ(cart.update<&shop::Cart::add>("secret milk"), 2);
  cart.signal<&shop::Cart::close>();
  EXPECT_THAT(cart.result(), ElementsAre("secret tea", "secret milk"));
  const Client other = Connect();
  EXPECT_THAT(other.handle_by_name(cart.id()).fetch_history().serialized(),
              Not(HasSubstr("secret")));
  EXPECT_THAT(cart.fetch_history().serialized(), HasSubstr("secret"));
  try {
    client.execute<&shop::Failing::run>(Options());
    FAIL() << "it fails";
  } catch (const WorkflowFailedError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no such account"));
  }
}

TEST_F(ClientServer, AnEagerStartNeedsNoPoll) {
  const Client client = Connect();
  const auto worker = Serve(client);
  start_options options = Options();
  options.eager = true;
  EXPECT_EQ(client.execute<&shop::Countdown::run>(options, 0), 0);
}

TEST_F(ClientServer, AnActivityIsCompletedFromOutside) {
  const Client client = Connect();
  const auto worker = Serve(client);
  const auto handle = client.start<&shop::Asking::run>(Options(), "why");
  std::string token;
  while (token.empty()) {
    std::this_thread::yield();
    const std::lock_guard lock(shop::token_mutex);
    token = shop::later_token;
  }
  EXPECT_FALSE(client.activity(token).heartbeat(1).cancel_requested);
  client.activity(token).complete(std::string("because"));
  EXPECT_EQ(handle.result(), "because");
  EXPECT_THROW(client.activity(token).complete(std::string("again")), RpcError);
}

TEST_F(ClientServer, ASchedulesLifeIsUnderItsHandle) {
  const Client client = Connect();
  const auto worker = Serve(client);
  const auto schedules = client.schedules();
  const std::string id = "schedule-" + client::RandomId();
  try {
    schedules.handle(id).describe();
  } catch (const RpcError& error) {
    if (error.code() == RpcCode::unimplemented) GTEST_SKIP() << "this server has no schedules";
  }
  const auto handle = schedules.create_with<&shop::Countdown::run>(
      id, {.intervals = {{.every = 24h}}, .calendars = {{.hour = {{.start = 3}}}}}, Options(),
      {.state = {.note = "made by a test", .is_paused = true}}, 0);
  ScheduleDescription description = handle.describe();
  EXPECT_EQ(description.schedule.spec.intervals.at(0).every, 24h);
  EXPECT_EQ(description.schedule.spec.calendars.at(0).hour.at(0).start, 3);
  EXPECT_EQ(description.schedule.action.workflow_type, "Countdown");
  EXPECT_TRUE(description.schedule.state.is_paused);
  handle.unpause("go on");
  handle.update([](Schedule& schedule) { schedule.policy.overlap = schedule_overlap::allow_all; });
  description = handle.describe();
  EXPECT_EQ(description.schedule.policy.overlap, schedule_overlap::allow_all);
  EXPECT_EQ(description.schedule.state.note, "go on");
  EXPECT_EQ(description.schedule.action.args.at(0).data, "0");
  handle.trigger();
  while (handle.describe().recent_actions.empty()) std::this_thread::yield();
  const ScheduleAction action = handle.describe().recent_actions.at(0);
  EXPECT_EQ(client.handle<&shop::Countdown::run>(action.workflow_id).result(), 0);
  EXPECT_THROW(schedules.create<&shop::Countdown::run>(id, {}, Options(), 0), RpcError);
  bool is_listed = false;
  for (const auto& entry : schedules.list()) is_listed |= entry.id == id;
  EXPECT_TRUE(is_listed);
  handle.remove();
  EXPECT_THROW(handle.describe(), RpcError);
}

TEST_F(ClientServer, RawCallsReachEveryMethod) {
  const Client client = Connect();
  api::DescribeNamespaceRequest request;
  request.set_namespace_(client.namespace_());
  const auto response =
      client.raw().workflow_service<api::DescribeNamespaceResponse>("DescribeNamespace", request);
  EXPECT_EQ(response.namespace_info().name(), "default");
}

TEST_F(ClientServer, AHistoryIsDownloadedWhole) {
  const Client client = Connect();
  const auto worker = Serve(client);
  const auto handle = client.start<&shop::Countdown::run>(Options(), 0);
  handle.result();
  const History history = client.handle_by_name(handle.id()).fetch_history();
  EXPECT_THAT(history.to_json(), HasSubstr("EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED"));
}

}  // namespace
}  // namespace perdure
