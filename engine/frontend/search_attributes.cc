#include "frontend/search_attributes.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "frontend/checks.h"
#include "query/attributes.h"

namespace perdure::frontend {
namespace {

using base::InvalidArgument;
using query::Type;
using temporal::api::common::v1::Payload;

constexpr char kType[] = "type";

// Predefined attributes that users and SDKs may set; the others are the server's alone.
constexpr auto kSettablePredefined = std::to_array<absl::string_view>(
    {"BatcherNamespace", "BatcherUser", "BinaryChecksums", "BuildIds", "TemporalChangeVersion",
     "TemporalNamespaceDivision", "TemporalScheduledById", "TemporalScheduledStartTime",
     "TemporalSchedulePaused"});

absl::Status CheckName(absl::string_view name) {
  const bool is_system = query::SystemFields().count(std::string(name)) > 0;
  const bool is_predefined = query::PredefinedAttributes().count(std::string(name)) > 0;
  const bool is_settable = std::find(kSettablePredefined.begin(), kSettablePredefined.end(),
                                     name) != kSettablePredefined.end();
  if (is_system || (is_predefined && !is_settable)) {
    return InvalidArgument(absl::StrCat(name, " attribute can't be set in SearchAttributes"));
  }
  return absl::OkStatus();
}

absl::Status CheckValue(absl::string_view name, Payload* payload,
                        const services::Namespace& name_space) {
  PERDURE_RETURN_IF_ERROR(CheckName(name));
  Type type = Type::kKeyword;
  if (!TypeOfAttribute(name, name_space, &type)) {
    return InvalidArgument(absl::StrCat("Namespace ", name_space.name,
                                        " has no mapping defined for search attribute ", name));
  }
  PERDURE_RETURN_IF_ERROR(query::DecodeNewAttribute(name, *payload, type).status());
  const auto size = static_cast<int64_t>(payload->data().size());
  if (size > name_space.limits.search_attribute_value_bytes) {
    return InvalidArgument(absl::StrCat("search attribute ", name, " value size ", size,
                                        " exceeds size limit ",
                                        name_space.limits.search_attribute_value_bytes));
  }
  (*payload->mutable_metadata())[kType] = query::TypeName(type);
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckSearchAttributes(temporal::api::common::v1::SearchAttributes* attributes,
                                   const services::Namespace& name_space) {
  const int64_t count = attributes->indexed_fields_size();
  if (count == 0) return absl::OkStatus();
  if (count > name_space.limits.search_attribute_keys) {
    return InvalidArgument(absl::StrCat("number of search attributes ", count, " exceeds limit ",
                                        name_space.limits.search_attribute_keys));
  }
  const auto total = static_cast<int64_t>(attributes->ByteSizeLong());
  for (auto& [name, payload] : *attributes->mutable_indexed_fields()) {
    PERDURE_RETURN_IF_ERROR(CheckValue(name, &payload, name_space));
  }
  if (total > name_space.limits.search_attribute_total_bytes) {
    return InvalidArgument(absl::StrCat("total size of search attributes ", total,
                                        " exceeds size limit ",
                                        name_space.limits.search_attribute_total_bytes));
  }
  return absl::OkStatus();
}

bool TypeOfAttribute(absl::string_view name, const services::Namespace& name_space, Type* type) {
  const auto custom = name_space.search_attributes.find(std::string(name));
  if (custom != name_space.search_attributes.end())
    return query::TypeFromWire(custom->second, *type);
  const auto predefined = query::PredefinedAttributes().find(std::string(name));
  if (predefined == query::PredefinedAttributes().end()) return false;
  *type = predefined->second;
  return true;
}

query::AttributeTypes CustomAttributes(const services::Namespace& name_space) {
  query::AttributeTypes types;
  for (const auto& [name, indexed_type] : name_space.search_attributes) {
    Type type = Type::kKeyword;
    if (query::TypeFromWire(indexed_type, type)) types[name] = type;
  }
  return types;
}

}  // namespace perdure::frontend
