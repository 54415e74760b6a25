#include "cluster/view.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace perdure::cluster {
namespace {

using base::IncarnationId;
using services::QueueKind;

constexpr base::NamespaceNumber kNamespace(1);

services::ClusterView ViewOf(const std::vector<int64_t>& ids) {
  services::ClusterView view;
  view.self = IncarnationId(ids.front());
  for (const int64_t id : ids) {
    view.members.push_back({.id = IncarnationId(id), .address = absl::StrCat("node", id)});
  }
  return view;
}

std::map<std::string, int64_t> Owners(const services::ClusterView& view) {
  std::map<std::string, int64_t> owners;
  for (int i = 0; i < 300; ++i) {
    const std::string queue = absl::StrCat("queue", i);
    owners[queue] = MatchingFor(view, kNamespace, queue, QueueKind::kWorkflow)->id.value();
  }
  return owners;
}

TEST(View, FindsOwnersThatLive) {
  services::ClusterView view = ViewOf({2, 5});
  view.owners[3] = IncarnationId(5);
  view.owners[4] = IncarnationId(4);
  EXPECT_EQ(OwnerOf(view, base::ShardId(3))->id, IncarnationId(5));
  EXPECT_EQ(OwnerOf(view, base::ShardId(4)), nullptr) << "it is no member any more";
  EXPECT_EQ(OwnerOf(view, base::ShardId(9)), nullptr);
  EXPECT_TRUE(IsSelf(view, Find(view, IncarnationId(2))));
  EXPECT_FALSE(IsSelf(view, nullptr));
}

TEST(View, SharesTaskQueuesAndMovesOnlyThoseOfAMemberThatComesOrGoes) {
  const auto three = Owners(ViewOf({1, 2, 3}));
  const auto two = Owners(ViewOf({1, 3}));
  int of_second = 0;
  for (const auto& [queue, owner] : three) {
    if (owner == 2) {
      ++of_second;
    } else {
      EXPECT_EQ(two.at(queue), owner) << queue;
    }
  }
  EXPECT_GT(of_second, 60);
  EXPECT_LT(of_second, 140);
}

TEST(View, GivesNoQueueToOneThatLeavesOrDoesOtherThings) {
  services::ClusterView view = ViewOf({1, 2});
  view.members[0].is_leaving = true;
  EXPECT_EQ(MatchingFor(view, kNamespace, "q", QueueKind::kActivity)->id, IncarnationId(2));
  view.members[1].roles = base::kRoleHistory | base::kRoleFrontend;
  EXPECT_EQ(MatchingFor(view, kNamespace, "q", QueueKind::kActivity), nullptr);
  EXPECT_EQ(MatchingFor(services::ClusterView(), kNamespace, "q", QueueKind::kActivity), nullptr);
}

TEST(View, ComparesWhoDoesMatching) {
  services::ClusterView view = ViewOf({1, 2});
  services::ClusterView other = view;
  other.owners[0] = IncarnationId(1);
  EXPECT_TRUE(HasSameMatching(view, other));
  other.members[1].is_leaving = true;
  EXPECT_FALSE(HasSameMatching(view, other));
}

}  // namespace
}  // namespace perdure::cluster
