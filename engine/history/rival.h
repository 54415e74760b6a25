// Two hosts whose nodes advertise the same loopback address: neither node can reach the other, and
// each could take the other for what it was itself before. The one that starts refuses to.
#pragma once

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runtime/runtime.h"
#include "store/cluster_state.h"
#include "store/store.h"

namespace perdure::history {

// Whether `other`, if it was there before, was `self`: nobody else can be where it is. A loopback
// address is one of every host; there the names tell the hosts apart.
bool IsFormerLife(const store::NodeFacts& self, const store::NodeFacts& other);
// Whether it is a node of another host that advertises the same loopback address.
bool IsRival(const store::NodeFacts& self, const store::NodeFacts& other);
// For whoever runs `self`.
absl::Status RefusalOf(const store::NodeFacts& self, const store::NodeFacts& rival);

// How long nothing must have been heard of a node until it is fenced.
struct Silence {
  absl::Duration max;
  absl::Duration max_without_session;
};

// To be asked before `self` is registered. FAILED_PRECONDITION once a rival has been heard of; OK
// when there is none, or all have been silent for that long. `done` runs on the loop.
void AwaitNoRival(runtime::Loop& loop, store::Store& store, store::NodeFacts self, Silence silence,
                  absl::AnyInvocable<void(absl::Status) &&> done);

}  // namespace perdure::history
