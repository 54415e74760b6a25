// How an error looks on the wire: google.rpc.Status with the detail of base/errors.h as its Any.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"

namespace perdure::rpc {

// Never call with an OK status.
google::rpc::Status ToWireStatus(const absl::Status& status);

// Trailing metadata that goes with an error: x-resource-exhausted-cause and -scope, by their short
// names ("RpsLimit", "Namespace"), which is what Temporal's SDKs read.
std::vector<std::pair<std::string, std::string>> TrailersOf(const absl::Status& status);

}  // namespace perdure::rpc
