#include "worker-sdk/worker/poller.h"

#include <functional>

#include "absl/strings/str_cat.h"

namespace perdure::worker {
namespace {

std::uint32_t SeedOf(std::string_view name) {
  // A well-defined hash, so that the waits are the same in every build: FNV-1a.
  std::uint32_t hash = 2166136261u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

// Errors that stand in the request itself.
bool IsFatal(absl::StatusCode code) {
  return code == absl::StatusCode::kInvalidArgument || code == absl::StatusCode::kUnimplemented;
}

}  // namespace

PollerBase::PollerBase(Settings settings, Rpc* rpc, SlotPool* slots, OnFatal fatal)
    : settings_(std::move(settings)),
      rpc_(rpc),
      slots_(slots),
      fatal_(std::move(fatal)),
      scaler_(settings_.pollers),
      backoff_(kPollBackoff, SeedOf(settings_.name)),
      overload_backoff_(kPollOverloadBackoff, SeedOf(settings_.name)),
      alive_(std::make_shared<PollerBase*>(this)) {}

PollerBase::~PollerBase() {
  *alive_ = nullptr;
  slots_->Forget(this);
}

void PollerBase::Start() {
  running_ = true;
  Pump();
}

void PollerBase::Stop() {
  is_stopped_ = true;
  running_ = false;
  timer_.reset();
  active_ -= static_cast<std::int64_t>(waiting_.size());
  waiting_.clear();
  slots_->Forget(this);
}

void PollerBase::Interrupt() {
  // Cancelling changes the set only later, when the callbacks run.
  for (const auto& handle : open_) handle->Cancel();
}

bool PollerBase::LeavesLastSlot() const {
  if (other_ == nullptr || other_->is_stopped_ || other_->active_ > 0 || active_ == 0) return true;
  const std::optional<std::int64_t> available = slots_->available();
  return !available || *available > 1;
}

Slot PollerBase::Reserve() {
  return LeavesLastSlot() ? slots_->TryReserve(settings_.is_sticky) : Slot();
}

Nanos PollerBase::TakeRate() {
  if (settings_.polls_per_second <= 0) return Nanos(0);
  const Nanos now = rpc_->executor()->Monotonic();
  if (next_allowed_ > now) return next_allowed_ - now;
  next_allowed_ = now + Nanos(static_cast<std::int64_t>(1e9 / settings_.polls_per_second));
  return Nanos(0);
}

void PollerBase::PumpSoon(Nanos delay) {
  if (timer_) return;
  timer_ = rpc_->executor()->PostAfter(delay, [alive = alive_] {
    if (*alive == nullptr) return;
    (*alive)->timer_.reset();
    (*alive)->Pump();
  });
}

void PollerBase::Pump() {
  while (running_ && active_ < scaler_.target()) {
    Slot slot = Reserve();
    if (!slot) {
      slots_->NotifyOnRelease(this, rpc_->executor(), [alive = alive_] {
        if (*alive != nullptr) (*alive)->Pump();
      });
      // One that another thread released before we waited would not be told of.
      slot = Reserve();
      if (!slot) {
        if (slots_->retry_interval() > Nanos(0)) PumpSoon(slots_->retry_interval());
        return;
      }
      slots_->Forget(this);
    }
    if (const Nanos wait = TakeRate(); wait > Nanos(0)) return PumpSoon(wait);
    ++active_;
    CountActive();
    const Nanos timeout = scaler_.is_busy() ? kPollTimeoutBusy : kPollTimeout;
    open_.insert(Open(timeout, std::move(slot)));
  }
}

void PollerBase::Ended(const std::shared_ptr<Rpc::Handle>* handle, const absl::Status& status,
                       bool has_task, const std::int32_t* delta) {
  open_.erase(*handle);
  // Our own limit on an empty queue is as good as an empty answer; so is the end we made ourselves.
  const bool is_quiet_end = status.code() == absl::StatusCode::kDeadlineExceeded || !running_;
  if (!status.ok() && !is_quiet_end) return Failed(status);
  if (has_task) {
    if (!settings_.succeed_metric.empty()) rpc_->host().meter.Count(settings_.succeed_metric);
  } else {
    rpc_->host().meter.Count(settings_.empty_metric);
  }
  scaler_.Answered(has_task, delta, rpc_->executor()->Monotonic());
  if (status.ok()) {
    backoff_.Reset();
    overload_backoff_.Reset();
    failures_ = 0;
  }
  Closed();
}

void PollerBase::Failed(const absl::Status& status) {
  const bool overload = status.code() == absl::StatusCode::kResourceExhausted;
  scaler_.Failed(overload);
  if (IsFatal(status.code())) {
    Stop();
    fatal_(status);
    return Closed();
  }
  const Nanos wait = (overload ? overload_backoff_ : backoff_).Next();
  if (failures_++ % 10 == 0) {
    Log(rpc_->host(), LogLevel::warn, "polling failed; trying again",
        {{"queue", settings_.name},
         {"error", std::string(status.ToString())},
         {"wait_ms", absl::StrCat(wait / std::chrono::milliseconds(1))}});
  }
  // The poll's place stays taken while it waits, so that others that fail do not hurry in its
  // stead.
  const std::int64_t id = ++waits_;
  waiting_[id] = rpc_->executor()->PostAfter(wait, [alive = alive_, id] {
    if (*alive == nullptr) return;
    (*alive)->waiting_.erase(id);
    (*alive)->Closed();
  });
}

void PollerBase::CountActive() {
  rpc_->host().meter.Gauge("temporal_num_pollers", static_cast<double>(active_),
                           {"poller_type", settings_.poller_type});
}

void PollerBase::Closed() {
  --active_;
  CountActive();
  if (running_) return Pump();
  if (on_idle_) on_idle_();
}

}  // namespace perdure::worker
