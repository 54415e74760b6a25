#include "history/rival.h"

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace perdure::history {
namespace {

// One that lives beats several times as seldom.
constexpr absl::Duration kLookAgain = absl::Milliseconds(200);

bool IsLoopback(absl::string_view address) {
  return absl::StartsWith(address, "127.") || absl::StartsWithIgnoreCase(address, "localhost:") ||
         absl::StartsWith(address, "[::1]:") || absl::StartsWith(address, "::1:");
}

struct Watch {
  runtime::Loop& loop;
  store::Store& store;
  const store::NodeFacts self;
  const Silence silence;
  absl::AnyInvocable<void(absl::Status) &&> done;
  // What was heard of the rivals when they were looked at last.
  std::map<base::IncarnationId, absl::Duration> since_heartbeat;
};
// Shared by the steps, one after the other.
using WatchPtr = std::shared_ptr<Watch>;

void LookAgain(const WatchPtr& watch);

void Seen(const WatchPtr& watch, const absl::StatusOr<std::vector<store::Incarnation>>& all) {
  if (!all.ok()) return std::move(watch->done)(all.status());
  bool is_doubtful = false;
  for (const store::Incarnation& other : *all) {
    if (other.is_fenced || !IsRival(watch->self, other.node)) continue;
    const absl::Duration max =
        other.has_session ? watch->silence.max : watch->silence.max_without_session;
    if (other.since_heartbeat > max) continue;
    const auto [before, is_new] = watch->since_heartbeat.emplace(other.id, other.since_heartbeat);
    if (!is_new && other.since_heartbeat < before->second) {
      return std::move(watch->done)(RefusalOf(watch->self, other.node));
    }
    before->second = other.since_heartbeat;
    is_doubtful = true;
  }
  if (!is_doubtful) return std::move(watch->done)(absl::OkStatus());
  watch->loop.After(kLookAgain, [watch] { LookAgain(watch); });
}

void LookAgain(const WatchPtr& watch) {
  watch->store.ListIncarnations([watch](absl::StatusOr<std::vector<store::Incarnation>> all) {
    watch->loop.Post([watch, all = std::move(all)] { Seen(watch, all); });
  });
}

}  // namespace

bool IsFormerLife(const store::NodeFacts& self, const store::NodeFacts& other) {
  if (self.address.empty() || other.address != self.address) return false;
  return !IsLoopback(self.address) || other.node_name == self.node_name;
}

bool IsRival(const store::NodeFacts& self, const store::NodeFacts& other) {
  return other.address == self.address && IsLoopback(self.address) &&
         other.node_name != self.node_name;
}

absl::Status RefusalOf(const store::NodeFacts& self, const store::NodeFacts& rival) {
  return base::FailedPrecondition(
      absl::StrCat("another node, on the host ", rival.node_name, ", advertises ", rival.address,
                   " to the other nodes, as this one on the host ", self.node_name,
                   " does, and there each host reaches only itself: set --advertise HOST:PORT, on "
                   "both, to an address by which the others reach it"));
}

void AwaitNoRival(runtime::Loop& loop, store::Store& store, store::NodeFacts self, Silence silence,
                  absl::AnyInvocable<void(absl::Status) &&> done) {
  LookAgain(std::make_shared<Watch>(Watch{
      .loop = loop,
      .store = store,
      .self = std::move(self),
      .silence = silence,
      .done = std::move(done),
      .since_heartbeat = {},
  }));
}

}  // namespace perdure::history
