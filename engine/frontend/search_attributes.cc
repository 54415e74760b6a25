#include "frontend/search_attributes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/errors.h"
#include "frontend/checks.h"
#include "frontend/namespace_registry.h"
#include "nlohmann/json.hpp"

namespace perdure::frontend {
namespace {

using base::InvalidArgument;
using nlohmann::json;
using query::Type;
using query::Value;
using temporal::api::common::v1::Payload;

constexpr char kEncoding[] = "encoding";
constexpr char kType[] = "type";
constexpr char kJsonEncoding[] = "json/plain";
constexpr char kNullEncoding[] = "binary/null";

// Predefined attributes that users and SDKs may set; the others are the server's alone.
constexpr auto kSettablePredefined = std::to_array<absl::string_view>(
    {"BatcherNamespace", "BatcherUser", "BinaryChecksums", "BuildIds", "TemporalChangeVersion",
     "TemporalNamespaceDivision", "TemporalScheduledById", "TemporalScheduledStartTime",
     "TemporalSchedulePaused"});

absl::StatusOr<Value> DecodeScalar(const json& value, Type type) {
  const absl::Status mismatch = absl::InvalidArgumentError("");
  switch (type) {
    case Type::kText:
    case Type::kKeyword:
      if (!value.is_string()) return mismatch;
      return Value(value.get<std::string>());
    case Type::kInt:
      if (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX) return mismatch;
      if (!value.is_number_integer()) return mismatch;
      return Value(value.get<int64_t>());
    case Type::kDouble:
      if (!value.is_number()) return mismatch;
      return Value(value.get<double>());
    case Type::kBool:
      if (!value.is_boolean()) return mismatch;
      return Value(value.get<bool>());
    case Type::kDatetime: {
      absl::Time time;
      if (!value.is_string()) return mismatch;
      const std::string& text = value.get_ref<const std::string&>();
      if (!absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) return mismatch;
      return Value(time);
    }
    case Type::kKeywordList: {
      if (!value.is_string()) return mismatch;
      return Value(std::vector<std::string>{value.get<std::string>()});
    }
  }
  return mismatch;
}

absl::StatusOr<Value> DecodeList(const json& list, Type type) {
  if (list.empty()) return Value();
  if (type != Type::kKeywordList) {
    // Temporal: a list of one is taken for the value itself.
    if (list.size() == 1) return DecodeScalar(list[0], type);
    return absl::InvalidArgumentError("");
  }
  std::vector<std::string> strings;
  for (const json& item : list) {
    if (!item.is_string()) return absl::InvalidArgumentError("");
    strings.push_back(item.get<std::string>());
  }
  return Value(std::move(strings));
}

json ToJson(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  if (const auto* number = std::get_if<int64_t>(&value)) return *number;
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) return *list;
  if (const auto* time = std::get_if<absl::Time>(&value)) {
    return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", *time, absl::UTCTimeZone());
  }
  return nullptr;
}

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
    return InvalidArgument(absl::StrCat("search attribute ", name, " is not defined"));
  }
  if (!DecodeSearchAttribute(*payload, type).ok()) {
    return InvalidArgument(absl::StrCat("invalid value for search attribute ", name, " of type ",
                                        TypeNameOf(type), ": ", payload->data().substr(0, 100)));
  }
  const auto size = static_cast<int64_t>(payload->data().size());
  if (size > name_space.limits.search_attribute_value_bytes) {
    return InvalidArgument(absl::StrCat("search attribute ", name, " value size ", size,
                                        " exceeds size limit ",
                                        name_space.limits.search_attribute_value_bytes));
  }
  (*payload->mutable_metadata())[kType] = std::string(TypeNameOf(type));
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

absl::StatusOr<Value> DecodeSearchAttribute(const Payload& payload, Type type) {
  const auto encoding = payload.metadata().find(kEncoding);
  const bool has_encoding = encoding != payload.metadata().end();
  if (has_encoding && encoding->second == kNullEncoding) return Value();
  if (has_encoding && encoding->second != kJsonEncoding) return absl::InvalidArgumentError("");
  if (payload.data().empty()) return Value();
  const json value = json::parse(payload.data(), nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return absl::InvalidArgumentError("");
  if (value.is_null()) return Value();
  if (value.is_array()) return DecodeList(value, type);
  return DecodeScalar(value, type);
}

Payload EncodeSearchAttribute(const Value& value, Type type) {
  Payload payload;
  (*payload.mutable_metadata())[kEncoding] = kJsonEncoding;
  (*payload.mutable_metadata())[kType] = std::string(TypeNameOf(type));
  // A string from a store is UTF-8 already; if a broken one slips through, it is shown replaced.
  payload.set_data(ToJson(value).dump(-1, ' ', false, json::error_handler_t::replace));
  return payload;
}

absl::string_view TypeNameOf(Type type) {
  switch (type) {
    case Type::kText:
      return "Text";
    case Type::kKeyword:
      return "Keyword";
    case Type::kInt:
      return "Int";
    case Type::kDouble:
      return "Double";
    case Type::kBool:
      return "Bool";
    case Type::kDatetime:
      return "Datetime";
    case Type::kKeywordList:
      return "KeywordList";
  }
  return "Unspecified";
}

bool TypeOfAttribute(absl::string_view name, const services::Namespace& name_space, Type* type) {
  const auto custom = name_space.search_attributes.find(std::string(name));
  if (custom != name_space.search_attributes.end()) return QueryTypeOf(custom->second, type);
  const auto predefined = query::PredefinedAttributes().find(std::string(name));
  if (predefined == query::PredefinedAttributes().end()) return false;
  *type = predefined->second;
  return true;
}

query::AttributeTypes CustomAttributes(const services::Namespace& name_space) {
  query::AttributeTypes types;
  for (const auto& [name, indexed_type] : name_space.search_attributes) {
    Type type = Type::kKeyword;
    if (QueryTypeOf(indexed_type, &type)) types[name] = type;
  }
  return types;
}

}  // namespace perdure::frontend
