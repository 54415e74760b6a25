#include "cluster/view.h"

#include <algorithm>
#include <cstdint>

namespace perdure::cluster {
namespace {

// Every node must come to the same: not a hash of the library's, which may differ from build to
// build. FNV-1a, and a finalizer so that near names part.
uint64_t Mix(uint64_t hash) {
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccdULL;
  hash ^= hash >> 33;
  hash *= 0xc4ceb9fe1a85ec53ULL;
  return hash ^ (hash >> 33);
}

uint64_t HashOf(base::NamespaceNumber number, absl::string_view task_queue,
                services::QueueKind kind) {
  uint64_t hash = 14695981039346656037ULL;
  const auto add = [&hash](uint64_t value) { hash = (hash ^ value) * 1099511628211ULL; };
  add(static_cast<uint64_t>(number.value()));
  add(static_cast<uint64_t>(kind));
  for (const char c : task_queue) add(static_cast<uint8_t>(c));
  return hash;
}

bool DoesMatching(const services::Member& member) {
  return (member.roles & base::kRoleMatching) != 0 && !member.is_leaving;
}

}  // namespace

const services::Member* Find(const services::ClusterView& view, base::IncarnationId id) {
  const auto found = std::lower_bound(
      view.members.begin(), view.members.end(), id,
      [](const services::Member& member, base::IncarnationId id) { return member.id < id; });
  return found != view.members.end() && found->id == id ? &*found : nullptr;
}

const services::Member* OwnerOf(const services::ClusterView& view, base::ShardId shard) {
  return Find(view, view.owners[static_cast<size_t>(shard.value())]);
}

const services::Member* MatchingFor(const services::ClusterView& view, base::NamespaceNumber number,
                                    absl::string_view task_queue, services::QueueKind kind) {
  if (view.members.size() == 1 && DoesMatching(view.members[0])) return &view.members[0];
  const uint64_t hash = HashOf(number, task_queue, kind);
  const services::Member* best = nullptr;
  uint64_t best_score = 0;
  for (const services::Member& member : view.members) {
    if (!DoesMatching(member)) continue;
    const uint64_t score = Mix(hash ^ Mix(static_cast<uint64_t>(member.id.value())));
    if (best != nullptr && score <= best_score) continue;
    best = &member;
    best_score = score;
  }
  return best;
}

std::vector<services::Member> OthersWithMatching(const services::ClusterView& view) {
  std::vector<services::Member> others;
  for (const services::Member& member : view.members) {
    if (DoesMatching(member) && member.id != view.self) others.push_back(member);
  }
  return others;
}

bool IsSelf(const services::ClusterView& view, const services::Member* member) {
  return member != nullptr && member->id == view.self;
}

bool HasSameMatching(const services::ClusterView& a, const services::ClusterView& b) {
  std::vector<base::IncarnationId> of_a;
  std::vector<base::IncarnationId> of_b;
  for (const services::Member& member : a.members) {
    if (DoesMatching(member)) of_a.push_back(member.id);
  }
  for (const services::Member& member : b.members) {
    if (DoesMatching(member)) of_b.push_back(member.id);
  }
  return of_a == of_b;
}

}  // namespace perdure::cluster
