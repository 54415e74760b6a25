#include "sim/scheduler.h"

#include <algorithm>
#include <cstdint>

#include "base/check.h"

namespace perdure::sim {
namespace {

constexpr int64_t kEpochSeconds = 1'700'000'000;
// Between two threads of one process.
constexpr int64_t kHopMaxNs = 40'000;

absl::Time Epoch() { return absl::FromUnixSeconds(kEpochSeconds); }

}  // namespace

std::unique_ptr<SimLoop> Scheduler::MakeLoop(std::string name) {
  return std::make_unique<SimLoop>(*this, std::move(name), ++last_loop_);
}

absl::Time Scheduler::Now() const { return Epoch() + absl::Nanoseconds(now_ns_); }

bool Scheduler::Step(absl::Time until) {
  SimLoop* next = nullptr;
  int64_t next_ns = INT64_MAX;
  for (SimLoop* loop : loops_) {
    const int64_t ns = loop->NextNs();
    if (ns < next_ns) {
      next = loop;
      next_ns = ns;
    }
  }
  if (next == nullptr || next_ns > SimLoop::ToNs(until)) return false;
  now_ns_ = std::max(now_ns_, next_ns);
  ++steps_;
  for (const uint64_t part : {static_cast<uint64_t>(now_ns_), next->number_}) {
    fingerprint_ = (fingerprint_ ^ part) * 0x100000001b3ULL;
    fingerprint_ ^= fingerprint_ >> 29;
  }
  PERDURE_CHECK(current_ == nullptr);
  current_ = next;
  {
    runtime::Task task = next->TakeNext();
    std::move(task)();
  }
  current_ = nullptr;
  return true;
}

void Scheduler::RunUntil(absl::Time until) {
  while (Step(until)) {
  }
  now_ns_ = std::max(now_ns_, SimLoop::ToNs(until));
}

SimLoop::SimLoop(Scheduler& scheduler, std::string name, uint64_t number)
    : scheduler_(scheduler),
      name_(std::move(name)),
      number_(number),
      random_(scheduler.random_.Next()) {
  scheduler_.loops_.push_back(this);
}

SimLoop::~SimLoop() {
  PERDURE_CHECK(!IsCurrent());
  Kill();
  std::erase(scheduler_.loops_, this);
}

int64_t SimLoop::ToNs(absl::Time global) { return absl::ToInt64Nanoseconds(global - Epoch()); }

void SimLoop::Post(runtime::Task task) {
  if (is_dead_) return;
  int64_t arrival = scheduler_.now_ns_;
  if (!IsCurrent()) {
    arrival += static_cast<int64_t>(scheduler_.random_.Below(kHopMaxNs));
    // In the order posted.
    arrival = std::max(arrival, last_arrival_ns_);
    last_arrival_ns_ = arrival;
    ready_.emplace_back(arrival, std::move(task));
    return;
  }
  // Own posts come before what is still on its way here.
  auto place = ready_.end();
  while (place != ready_.begin() && std::prev(place)->first > arrival) --place;
  ready_.emplace(place, arrival, std::move(task));
}

runtime::TimerId SimLoop::At(absl::Time when, runtime::Task task) {
  if (is_dead_) return 0;
  const runtime::TimerId id = ++last_timer_;
  timers_.emplace(std::pair(when, id), std::move(task));
  timer_times_.emplace(id, when);
  return id;
}

void SimLoop::Cancel(runtime::TimerId timer) {
  const auto found = timer_times_.find(timer);
  if (found == timer_times_.end()) return;
  const auto entry = timers_.find(std::pair(found->second, timer));
  timer_times_.erase(found);
  // Destroyed last: it may own anything.
  const runtime::Task dropped = std::move(entry->second);
  timers_.erase(entry);
}

absl::Time SimLoop::Now() const {
  shown_ = std::max(shown_, scheduler_.Now() + offset_);
  return shown_;
}

void SimLoop::Kill() {
  is_dead_ = true;
  // Dropped tasks may post, set and cancel.
  auto ready = std::move(ready_);
  ready_.clear();
  auto timers = std::move(timers_);
  timers_.clear();
  timer_times_.clear();
}

int64_t SimLoop::NextNs() const {
  int64_t next = INT64_MAX;
  if (!ready_.empty()) next = ready_.front().first;
  if (!timers_.empty()) {
    const absl::Time when = timers_.begin()->first.first;
    int64_t ns = INT64_MAX;
    if (when <= shown_) {
      ns = scheduler_.now_ns_;
    } else if (when < Epoch() + absl::Hours(1'000'000)) {
      ns = std::max(ToNs(when - offset_), scheduler_.now_ns_);
    }
    next = std::min(next, ns);
  }
  if (next == INT64_MAX) return next;
  return std::max(next, paused_until_ns_);
}

runtime::Task SimLoop::TakeNext() {
  const bool has_ready = !ready_.empty() && ready_.front().first <= scheduler_.now_ns_;
  const bool has_timer = !timers_.empty() && timers_.begin()->first.first <= Now();
  PERDURE_CHECK(has_ready || has_timer);
  if (has_timer && (!has_ready || scheduler_.random_.Chance(0.5))) {
    const auto first = timers_.begin();
    runtime::Task task = std::move(first->second);
    timer_times_.erase(first->first.second);
    timers_.erase(first);
    return task;
  }
  runtime::Task task = std::move(ready_.front().second);
  ready_.pop_front();
  return task;
}

}  // namespace perdure::sim
