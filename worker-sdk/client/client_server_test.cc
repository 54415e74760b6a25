// The client against a running server: only with PERDURE_SERVER=host:port in the environment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "perdure/client.h"

namespace perdure {
namespace orders {

// What perdure/workflow.h's `define` gives, without the workflow's code: nobody runs it here.
struct Order {
  task<std::string> run(std::string name);
  void approve(std::string by);
  std::string status() const;
  int add(int count);
  struct handlers {
    static constexpr std::string_view type_name() { return "Order"; }
    template <auto Member>
    static constexpr std::string_view name_of() {
      return detail::name_of<Member>;
    }
  };
};

}  // namespace orders

namespace {

using orders::Order;

class ClientServer : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("PERDURE_SERVER") == nullptr) GTEST_SKIP() << "PERDURE_SERVER is not set";
  }
  Client Connect() { return Client::connect({.target = std::getenv("PERDURE_SERVER")}); }
};

TEST_F(ClientServer, AWorkflowIsStartedSignaledDescribedAndTerminated) {
  Client client = Connect();
  auto handle = client.start<&Order::run>({.task_queue = "nobody"}, "Ann");
  EXPECT_FALSE(handle.run_id().empty());
  handle.signal<&Order::approve>("bob");
  const WorkflowDescription description = handle.describe();
  EXPECT_EQ(description.workflow_type, "Order");
  EXPECT_EQ(description.status, WorkflowStatus::running);
  handle.terminate("enough");
  try {
    handle.result();
    FAIL() << "it was terminated";
  } catch (const WorkflowFailedError& error) {
    EXPECT_THROW(error.rethrow_cause(), TerminatedError);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("enough"));
  }
  EXPECT_THROW(handle.signal<&Order::approve>("eve"), WorkflowNotFoundError);
}

TEST_F(ClientServer, AnIdInUseIsRefused) {
  Client client = Connect();
  auto handle = client.start<&Order::run>({.task_queue = "nobody"}, "Ann");
  const start_options again = {.id = handle.id(), .task_queue = "nobody"};
  try {
    client.start<&Order::run>(again, "Bob");
    FAIL() << "the id is in use";
  } catch (const WorkflowAlreadyStartedError& error) {
    EXPECT_EQ(error.run_id(), handle.run_id());
  }
  handle.terminate();
}

}  // namespace
}  // namespace perdure
