// Conversions between the nanoseconds of the state and protobuf's time types. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace perdure::machines {

inline constexpr int64_t kSecondNs = 1'000'000'000;
inline constexpr int64_t kMillisecondNs = 1'000'000;

// Temporal: no duration is longer than a hundred years. A time is cut to what can still have that
// added to it: the year 2160.
inline constexpr int64_t kDurationMaxSeconds = int64_t{100} * 365 * 24 * 3600;
inline constexpr int64_t kTimeMaxSeconds = 6'000'000'000;
static_assert(kTimeMaxSeconds + kDurationMaxSeconds < INT64_MAX / kSecondNs);

inline int64_t ToNs(const google::protobuf::Duration& d) {
  return std::clamp(d.seconds(), -kDurationMaxSeconds, kDurationMaxSeconds) * kSecondNs + d.nanos();
}
inline int64_t ToNs(const google::protobuf::Timestamp& t) {
  return std::clamp(t.seconds(), -kTimeMaxSeconds, kTimeMaxSeconds) * kSecondNs + t.nanos();
}
inline void SetDuration(google::protobuf::Duration* d, int64_t ns) {
  d->set_seconds(ns / kSecondNs);
  d->set_nanos(static_cast<int32_t>(ns % kSecondNs));
}
inline google::protobuf::Duration DurationOf(int64_t ns) {
  google::protobuf::Duration d;
  SetDuration(&d, ns);
  return d;
}
inline void SetTimestamp(google::protobuf::Timestamp* t, int64_t ns) {
  t->set_seconds(ns / kSecondNs);
  t->set_nanos(static_cast<int32_t>(ns % kSecondNs));
}

// The earlier of two deadlines where 0 means none.
inline int64_t EarlierDeadline(int64_t a, int64_t b) {
  if (a == 0) return b;
  if (b == 0) return a;
  return a < b ? a : b;
}
// The shorter of two timeouts where 0 means none.
inline int64_t ShorterTimeout(int64_t a, int64_t b) { return EarlierDeadline(a, b); }

}  // namespace perdure::machines
