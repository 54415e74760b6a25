// Between protobuf's times and Abseil's.
#pragma once

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace perdure::frontend {

inline absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}
inline absl::Time FromProto(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}
// Cut towards zero to whole nanoseconds.
inline google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration proto;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return proto;
}
inline google::protobuf::Timestamp ToProto(absl::Time time) {
  google::protobuf::Timestamp proto;
  absl::Duration since_second = time - absl::FromUnixSeconds(absl::ToUnixSeconds(time));
  proto.set_seconds(absl::ToUnixSeconds(time));  // rounds towards the past
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(since_second)));
  return proto;
}

}  // namespace perdure::frontend
