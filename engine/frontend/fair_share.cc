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
constexpr absl::Duration kQuickCommit = absl::Milliseconds(1);
constexpr double kSlowFactorMax = 16;

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
    if (tenant.line.empty() && (tenant.in_hand < Share() || in_hand_ < Max())) {
      ++tenant.in_hand;
      ++in_hand_;
      return true;
    }
    const auto length = static_cast<int64_t>(tenant.line.size());
    if (length < std::max<int64_t>(1, kWaitingMax / active_)) {
      if (tenant.line.empty()) turns_.push_back(name_space.value());
      tenant.waited_at = now;
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
  --in_hand_;
  while (!turns_.empty() && in_hand_ < Max()) {
    const int32_t number = turns_.front();
    turns_.pop_front();
    ready.push_back(TakeFirst(number, now));
    if (!tenants_[number].line.empty()) turns_.push_back(number);
  }
  // Others may have more in hand than there should be: its share is its own all the same.
  Tenant& own = tenants_[name_space.value()];
  --own.in_hand;
  if (!own.line.empty() && own.in_hand < Share()) {
    ready.push_back(TakeFirst(name_space.value(), now));
    if (own.line.empty()) std::erase(turns_, name_space.value());
  }
  return ready;
}

FairShare::Ready FairShare::TakeFirst(int32_t number, absl::Time now) {
  Tenant& tenant = tenants_[number];
  Waiting first = std::move(tenant.line.front());
  tenant.line.pop_front();
  --waiting_;
  ++tenant.in_hand;
  ++in_hand_;
  // Its Leave follows even if it has come late, so that there is one way out.
  absl::Status status;
  if (now >= first.deadline) status = absl::DeadlineExceededError("waited too long");
  return {base::NamespaceNumber(number), std::move(first.turn), std::move(status)};
}

int64_t FairShare::Share() const { return std::max<int64_t>(1, shared_max_ / active_); }

int64_t FairShare::Max() const {
  if (active_ == 1) return shared_max_ * kAloneFactor;
  return modest_ > 0 ? std::max<int64_t>(1, shared_max_ / 2) : shared_max_;
}

void FairShare::CountActive(absl::Time now) {
  counted_at_ = now;
  if (commit_time_) {
    const double factor = absl::FDivDuration(commit_time_(), kQuickCommit);
    shared_max_ = static_cast<int64_t>(static_cast<double>(quick_max_) *
                                       std::clamp(factor, 1.0, kSlowFactorMax));
  }
  absl::erase_if(tenants_, [now](const auto& entry) {
    const Tenant& tenant = entry.second;
    return now - tenant.seen_at > kActiveFor && tenant.in_hand == 0 && tenant.line.empty();
  });
  active_ = std::max<int64_t>(1, static_cast<int64_t>(tenants_.size()));
  modest_ = std::count_if(tenants_.begin(), tenants_.end(), [now](const auto& entry) {
    const Tenant& tenant = entry.second;
    return tenant.line.empty() && now - tenant.waited_at > kActiveFor;
  });
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
