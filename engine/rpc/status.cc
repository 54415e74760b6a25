#include "rpc/status.h"

#include <cctype>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "temporal/api/errordetails/v1/message.pb.h"

namespace perdure::rpc {
namespace {

// "RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT" without its prefix, as "RpsLimit".
std::string ShortEnumName(absl::string_view name, absl::string_view prefix) {
  if (absl::StartsWith(name, prefix)) name.remove_prefix(prefix.size());
  std::string result;
  bool starts_word = true;
  for (const char c : name) {
    if (c == '_') {
      starts_word = true;
      continue;
    }
    result += static_cast<char>(starts_word ? std::toupper(c) : std::tolower(c));
    starts_word = false;
  }
  return result;
}

}  // namespace

google::rpc::Status ToWireStatus(const absl::Status& status) {
  google::rpc::Status wire;
  wire.set_code(static_cast<int>(status.code()));
  wire.set_message(std::string(status.message()));
  if (const auto detail = base::DetailOf(status); detail.has_value()) {
    auto* any = wire.add_details();
    any->set_type_url(absl::StrCat("type.googleapis.com/", detail->type_name));
    any->set_value(detail->bytes);
  }
  return wire;
}

std::vector<std::pair<std::string, std::string>> TrailersOf(const absl::Status& status) {
  namespace enums = temporal::api::enums::v1;
  temporal::api::errordetails::v1::ResourceExhaustedFailure detail;
  if (status.code() != absl::StatusCode::kResourceExhausted) return {};
  if (!base::GetDetail(status, detail)) return {};
  return {
      {"x-resource-exhausted-cause",
       ShortEnumName(enums::ResourceExhaustedCause_Name(detail.cause()),
                     "RESOURCE_EXHAUSTED_CAUSE_")},
      {"x-resource-exhausted-scope",
       ShortEnumName(enums::ResourceExhaustedScope_Name(detail.scope()),
                     "RESOURCE_EXHAUSTED_SCOPE_")},
  };
}

}  // namespace perdure::rpc
