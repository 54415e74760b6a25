#include "worker-sdk/worker/resource_slots.h"

#include <algorithm>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>

namespace perdure {
namespace worker {
namespace {

using std::chrono::nanoseconds;

class ResourceSlots : public SlotSupplier {
 public:
  ResourceSlots(ResourceSlotsOptions options, ResourceMeter meter, MonotonicClock clock)
      : options_(options), meter_(std::move(meter)), clock_(std::move(clock)) {}

  bool try_reserve(const SlotRequest&) override {
    const std::lock_guard lock(mutex_);
    if (used_ >= options_.maximum) return false;
    if (used_ >= options_.minimum) {
      const nanoseconds now = clock_();
      if (now - last_given_ < options_.ramp) return false;
      const ResourceUse use = meter_();
      if (use.cpu >= options_.cpu || use.memory >= options_.memory) return false;
      last_given_ = now;
    }
    ++used_;
    return true;
  }
  void release(SlotKind) override {
    const std::lock_guard lock(mutex_);
    --used_;
  }
  nanoseconds retry_interval() const override {
    return std::max<nanoseconds>(options_.ramp, std::chrono::milliseconds(10));
  }

 private:
  const ResourceSlotsOptions options_;
  const ResourceMeter meter_;
  const MonotonicClock clock_;
  std::mutex mutex_;
  std::int64_t used_ = 0;
  nanoseconds last_given_{};
};

// The first number of a file; absent where there is no file, or the word "max".
std::optional<double> FirstNumber(const char* path) {
  std::ifstream file(path);
  double number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

// The number behind a word at the beginning of a line.
std::optional<double> NumberOf(const char* path, std::string_view word) {
  std::ifstream file(path);
  std::string name, rest;
  double number = 0;
  while (file >> name >> number) {
    if (name == word) return number;
    std::getline(file, rest);
  }
  return std::nullopt;
}

double MemoryUse() {
  const auto limit = FirstNumber("/sys/fs/cgroup/memory.max");
  const auto current = FirstNumber("/sys/fs/cgroup/memory.current");
  // Pages of files can be had back at any time.
  const double cache = NumberOf("/sys/fs/cgroup/memory.stat", "inactive_file").value_or(0);
  double use = limit && current && *limit > 0 ? (*current - cache) / *limit : 0;
  const auto total = NumberOf("/proc/meminfo", "MemTotal:");
  const auto available = NumberOf("/proc/meminfo", "MemAvailable:");
  if (total && available && *total > 0) use = std::max(use, 1 - *available / *total);
  return use;
}

// CPU seconds used and those that could have been.
struct CpuTime {
  double used = 0;
  double possible = 0;
};

CpuTime MachineCpu() {
  std::ifstream file("/proc/stat");
  std::string name;
  file >> name;
  CpuTime time;
  double ticks = 0;
  // user nice system idle iowait irq softirq steal; what follows is contained in the first two.
  for (int column = 0; column < 8 && file >> ticks; ++column) {
    time.possible += ticks;
    if (column != 3 && column != 4) time.used += ticks;
  }
  return time;
}

std::optional<CpuTime> CgroupCpu(nanoseconds now) {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  double quota = 0, period = 0;
  if (!(file >> quota >> period) || period <= 0) return std::nullopt;
  const auto used_us = NumberOf("/sys/fs/cgroup/cpu.stat", "usage_usec");
  if (!used_us) return std::nullopt;
  return CpuTime{*used_us / 1e6, static_cast<double>(now.count()) / 1e9 * quota / period};
}

class Meter {
 public:
  explicit Meter(MonotonicClock clock) : clock_(std::move(clock)) {}
  ResourceUse Look() {
    const std::lock_guard lock(mutex_);
    const nanoseconds now = clock_();
    if (has_looked_ && now - last_look_ < std::chrono::milliseconds(100)) return last_;
    const CpuTime machine = MachineCpu();
    const std::optional<CpuTime> cgroup = CgroupCpu(now);
    if (has_looked_) {
      last_.cpu = Part(last_machine_, machine);
      if (cgroup && last_cgroup_) last_.cpu = std::max(last_.cpu, Part(*last_cgroup_, *cgroup));
    }
    last_machine_ = machine;
    last_cgroup_ = cgroup;
    last_.memory = MemoryUse();
    last_look_ = now;
    has_looked_ = true;
    return last_;
  }

 private:
  static double Part(const CpuTime& before, const CpuTime& after) {
    const double possible = after.possible - before.possible;
    return possible > 0 ? (after.used - before.used) / possible : 0;
  }
  const MonotonicClock clock_;
  std::mutex mutex_;
  bool has_looked_ = false;
  nanoseconds last_look_{};
  CpuTime last_machine_;
  std::optional<CpuTime> last_cgroup_;
  ResourceUse last_;
};

}  // namespace

std::shared_ptr<SlotSupplier> MakeResourceSlots(ResourceSlotsOptions options, ResourceMeter meter,
                                                MonotonicClock clock) {
  return std::make_shared<ResourceSlots>(options, std::move(meter), std::move(clock));
}

ResourceMeter MachineMeter(MonotonicClock clock) {
  return [meter = std::make_shared<Meter>(std::move(clock))] { return meter->Look(); };
}

}  // namespace worker

std::shared_ptr<SlotSupplier> resource_slots(ResourceSlotsOptions options) {
  const worker::MonotonicClock clock = [] {
    return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch());
  };
  return worker::MakeResourceSlots(options, worker::MachineMeter(clock), clock);
}

}  // namespace perdure
