#include "frontend/fair_share.h"

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "temporal/api/enums/v1/failed_cause.pb.h"

namespace perdure::frontend {
namespace {

constexpr int64_t kAloneFactor = 16;
constexpr int64_t kWaitingMax = 4096;  // all lines together, shared equally
constexpr absl::Duration kActiveFor = absl::Seconds(1);
constexpr absl::Duration kCountInterval = absl::Milliseconds(100);

absl::Status Overloaded() {
  return base::ResourceExhausted(
      temporal::api::enums::v1::RESOURCE_EXHAUSTED_CAUSE_SYSTEM_OVERLOADED,
      "the server is overloaded and this namespace has more than its share in line");
}

}  // namespace

bool FairShare::Enter(base::NamespaceNumber name_space, absl::Time now, absl::Time deadline,
                      Turn& turn) {
  absl::Status refusal;
  {
    absl::MutexLock lock(&mutex_);
    Tenant& tenant = tenants_[name_space.value()];
    const bool is_new = now - tenant.seen_at > kActiveFor;
    tenant.seen_at = now;
    // One that comes back has its share from its first request on.
    if (is_new || now - counted_at_ > kCountInterval) CountActive(now);
    if (tenant.line.empty() && MayGo(tenant)) {
      ++tenant.in_hand;
      ++in_hand_;
      return true;
    }
    const auto length = static_cast<int64_t>(tenant.line.size());
    if (length < std::max<int64_t>(1, kWaitingMax / active_)) {
      if (tenant.line.empty()) turns_.push_back(name_space.value());
      tenant.line.push_back({std::move(turn), deadline});
      ++waiting_;
      return false;
    }
  }
  std::move(turn)(Overloaded());
  return false;
}

std::vector<FairShare::Ready> FairShare::Leave(base::NamespaceNumber name_space, absl::Time now) {
  std::vector<Ready> ready;
  absl::MutexLock lock(&mutex_);
  --tenants_[name_space.value()].in_hand;
  --in_hand_;
  // At most once round: whoever may not go now may when the next one leaves.
  for (size_t left = turns_.size(); left > 0 && !turns_.empty(); --left) {
    const int32_t number = turns_.front();
    turns_.pop_front();
    Tenant& tenant = tenants_[number];
    if (MayGo(tenant)) {
      Waiting next = std::move(tenant.line.front());
      tenant.line.pop_front();
      --waiting_;
      ++tenant.in_hand;
      ++in_hand_;
      // Its Leave follows like any other's, so that there is one way out.
      ready.push_back({base::NamespaceNumber(number), std::move(next.turn),
                       now < next.deadline ? absl::OkStatus()
                                           : absl::DeadlineExceededError("waited too long")});
    }
    if (!tenant.line.empty()) turns_.push_back(number);
  }
  return ready;
}

bool FairShare::MayGo(const Tenant& tenant) const {
  if (tenant.in_hand < std::max<int64_t>(1, shared_max_ / active_)) return true;
  return in_hand_ < (active_ > 1 ? shared_max_ : shared_max_ * kAloneFactor);
}

void FairShare::CountActive(absl::Time now) {
  counted_at_ = now;
  absl::erase_if(tenants_, [now](const auto& entry) {
    const Tenant& tenant = entry.second;
    return now - tenant.seen_at > kActiveFor && tenant.in_hand == 0 && tenant.line.empty();
  });
  active_ = std::max<int64_t>(1, static_cast<int64_t>(tenants_.size()));
}

int64_t FairShare::in_hand() const {
  absl::MutexLock lock(&mutex_);
  return in_hand_;
}

int64_t FairShare::waiting() const {
  absl::MutexLock lock(&mutex_);
  return waiting_;
}

}  // namespace perdure::frontend
