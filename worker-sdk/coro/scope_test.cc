// What a cancellation reaches, in which order, and what it costs.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "perdure/detail/frame.h"

namespace perdure::detail {
namespace {

std::string canceled;

struct Item final : Cancellable {
  Item(Scope* scope, std::string its_name) : name(std::move(its_name)) { scope->Add(this); }
  void OnCancel() override { canceled += name + " "; }
  std::string name;
};

Ref<Scope> Task(const Ref<Scope>& outer) {
  return Ref<Scope>(new Scope(outer.get(), Scope::OfTask()));
}
Ref<Scope> Inner(const Ref<Scope>& outer, bool shielded = false) {
  return Ref<Scope>(new Scope(outer.get(), shielded));
}

struct Scopes : ::testing::Test {
  Scopes() { canceled.clear(); }
  Ref<Scope> root = Ref<Scope>(new Scope(nullptr, false));
};

TEST_F(Scopes, ManyTasksAreCanceledOneByOneAtTheCostOfWhatTheyHold) {
  constexpr int kTasks = 10'000;
  std::vector<Ref<Scope>> tasks;
  std::vector<std::unique_ptr<Item>> items;
  for (int i = 0; i < kTasks; ++i) {
    tasks.push_back(Task(root));
    items.push_back(std::make_unique<Item>(tasks.back().get(), ""));
  }
  std::int64_t looked_at = 0;
  for (const Ref<Scope>& task : tasks) looked_at += task->Cancel("");
  EXPECT_EQ(looked_at, 2 * kTasks);
  EXPECT_EQ(canceled.size(), kTasks);
}

TEST_F(Scopes, AreCanceledInTheOrderOfTheStartsWhoeverStarted) {
  const Ref<Scope> task = Task(root);
  const Ref<Scope> nested = Task(task);
  const Ref<Scope> late_scope = Inner(nested), early_scope = Inner(task);
  const Ref<Scope> shielded = Inner(root, true);
  const Item a(root.get(), "a"), b(nested.get(), "b"), c(task.get(), "c"), d(nested.get(), "d"),
      e(root.get(), "e"), f(late_scope.get(), "f"), g(early_scope.get(), "g"),
      h(shielded.get(), "h");
  root->Cancel("why");
  EXPECT_EQ(canceled, "a b c d e f g ");
  EXPECT_TRUE(nested->is_requested());
  EXPECT_EQ(nested->reason(), "why");
  EXPECT_FALSE(shielded->is_requested());
}

TEST_F(Scopes, ATaskAloneTakesWhatIsInItAndNoMore) {
  const Ref<Scope> task = Task(root), beside = Task(root);
  const Ref<Scope> nested = Task(task);
  const Ref<Scope> scope = Inner(nested);
  const Item a(root.get(), "a"), b(nested.get(), "b"), c(task.get(), "c"), d(beside.get(), "d"),
      e(scope.get(), "e");
  task->Cancel("");
  EXPECT_EQ(canceled, "b c e ");
  EXPECT_FALSE(beside->is_requested());
}

TEST_F(Scopes, WhatATaskLeftIsCanceledWithTheScopeAroundIt) {
  const Ref<Scope> outer = Task(root);
  Ref<Scope> task = Task(outer);
  Ref<Scope> nested = Task(task);
  const Item a(task.get(), "a"), b(nested.get(), "b"), c(outer.get(), "c");
  task->EndTask();
  nested->EndTask();
  nested = {};
  task = {};
  outer->Cancel("");
  EXPECT_EQ(canceled, "a b c ");
}

TEST_F(Scopes, WhatTasksLeftKeepsItsPlaceInTheOrder) {
  Ref<Scope> first = Task(root), second = Task(root);
  const Item a(second.get(), "a"), b(root.get(), "b"), c(first.get(), "c"), d(second.get(), "d");
  second->EndTask();
  first->EndTask();
  const Item e(root.get(), "e");
  root->Cancel("");
  EXPECT_EQ(canceled, "a b c d e ");
}

// Such an operation goes on, and nobody cancels it.
TEST_F(Scopes, WhatATaskLeftDoesNotHoldTheScopeAroundIt) {
  Ref<Scope> scope = Inner(root);
  Ref<Scope> task = Task(scope);
  const Item a(task.get(), "a");
  task->EndTask();
  task = {};
  scope = {};
  EXPECT_EQ(root->Cancel(""), 1);
  EXPECT_EQ(canceled, "");
}

TEST_F(Scopes, ATaskThatIsCanceledAndEndsLeavesItsTasksCanceled) {
  Ref<Scope> task = Task(root);
  const Ref<Scope> nested = Task(task);
  task->Cancel("why");
  task->EndTask();
  task = {};
  EXPECT_TRUE(nested->is_requested());
  const Ref<Scope> later = Task(nested);
  EXPECT_EQ(later->reason(), "why");
}

// Each ends once it has spawned the next.
TEST_F(Scopes, ARelayOfTasksLeavesNoChain) {
  Ref<Scope> task = Task(root);
  for (int i = 0; i < 1000; ++i) {
    Ref<Scope> next = Task(task);
    task->EndTask();
    task = next;
  }
  const Item a(task.get(), "a");
  EXPECT_LE(root->Cancel(""), 4);
  EXPECT_EQ(canceled, "a ");
}

}  // namespace
}  // namespace perdure::detail
