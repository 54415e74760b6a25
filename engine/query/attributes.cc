#include "query/attributes.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "temporal/api/enums/v1/common.pb.h"

namespace perdure::query {
namespace {

namespace enums = temporal::api::enums::v1;
using nlohmann::json;

absl::Status Bad(absl::string_view name, Type type, absl::string_view data) {
  return base::InvalidArgument(absl::StrCat("invalid value for search attribute ", name,
                                            " of type ", TypeName(type), ": ", data));
}

bool FromJson(const json& value, Type type, Value& out) {
  switch (type) {
    case Type::kText:
    case Type::kKeyword:
      if (!value.is_string()) return false;
      out = value.get<std::string>();
      return true;
    case Type::kInt:
      if (!value.is_number_integer()) return false;
      // A number beyond 64 bits would come out negative.
      if (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX) return false;
      out = value.get<int64_t>();
      return true;
    case Type::kDouble:
      if (!value.is_number()) return false;
      out = value.get<double>();
      return true;
    case Type::kBool:
      if (!value.is_boolean()) return false;
      out = value.get<bool>();
      return true;
    case Type::kDatetime: {
      absl::Time time;
      std::string error;
      if (!value.is_string() ||
          !absl::ParseTime(absl::RFC3339_full, value.get<std::string>(), &time, &error)) {
        return false;
      }
      out = time;
      return true;
    }
    case Type::kKeywordList: {
      std::vector<std::string> list;
      // Temporal takes a single string for a list of one.
      if (value.is_string()) list.push_back(value.get<std::string>());
      if (!value.is_string() && !value.is_array()) return false;
      if (value.is_array()) {
        for (const json& item : value) {
          if (!item.is_string()) return false;
          list.push_back(item.get<std::string>());
        }
      }
      out = std::move(list);
      return true;
    }
  }
  return false;
}

}  // namespace

bool TypeFromWire(int type, Type& out) {
  switch (type) {
    case enums::INDEXED_VALUE_TYPE_TEXT:
      out = Type::kText;
      return true;
    case enums::INDEXED_VALUE_TYPE_KEYWORD:
      out = Type::kKeyword;
      return true;
    case enums::INDEXED_VALUE_TYPE_INT:
      out = Type::kInt;
      return true;
    case enums::INDEXED_VALUE_TYPE_DOUBLE:
      out = Type::kDouble;
      return true;
    case enums::INDEXED_VALUE_TYPE_BOOL:
      out = Type::kBool;
      return true;
    case enums::INDEXED_VALUE_TYPE_DATETIME:
      out = Type::kDatetime;
      return true;
    case enums::INDEXED_VALUE_TYPE_KEYWORD_LIST:
      out = Type::kKeywordList;
      return true;
    default:
      return false;
  }
}

int TypeToWire(Type type) {
  switch (type) {
    case Type::kText:
      return enums::INDEXED_VALUE_TYPE_TEXT;
    case Type::kKeyword:
      return enums::INDEXED_VALUE_TYPE_KEYWORD;
    case Type::kInt:
      return enums::INDEXED_VALUE_TYPE_INT;
    case Type::kDouble:
      return enums::INDEXED_VALUE_TYPE_DOUBLE;
    case Type::kBool:
      return enums::INDEXED_VALUE_TYPE_BOOL;
    case Type::kDatetime:
      return enums::INDEXED_VALUE_TYPE_DATETIME;
    case Type::kKeywordList:
      return enums::INDEXED_VALUE_TYPE_KEYWORD_LIST;
  }
  return 0;
}

std::string TypeName(Type type) {
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
  return "";
}

absl::StatusOr<Value> DecodeAttribute(absl::string_view name,
                                      const temporal::api::common::v1::Payload& payload,
                                      Type type) {
  const auto encoding = payload.metadata().find("encoding");
  if (encoding != payload.metadata().end() && encoding->second == "binary/null") return Value();
  if (payload.data().empty()) return Value();
  const json value = json::parse(payload.data(), nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return Bad(name, type, payload.data());
  if (value.is_null()) return Value();
  if (value.is_array() && value.empty()) return Value();
  // Temporal takes a list of one for a single value.
  const bool is_wrapped = value.is_array() && value.size() == 1 && type != Type::kKeywordList;
  Value out;
  if (!FromJson(is_wrapped ? value.front() : value, type, out)) {
    return Bad(name, type, payload.data());
  }
  return out;
}

absl::StatusOr<Value> DecodeNewAttribute(absl::string_view name,
                                         const temporal::api::common::v1::Payload& payload,
                                         Type type) {
  const auto found = payload.metadata().find("encoding");
  const std::string encoding = found == payload.metadata().end() ? "none" : found->second;
  if (encoding != "json/plain" && encoding != "binary/null") {
    return Bad(name, type, absl::StrCat("its payload's encoding is ", encoding));
  }
  if (encoding == "json/plain" && payload.data().empty()) {
    return Bad(name, type, "its payload is empty");
  }
  return DecodeAttribute(name, payload, type);
}

temporal::api::common::v1::Payload EncodeAttribute(const Value& value, Type type) {
  json data;
  if (const auto* text = std::get_if<std::string>(&value)) data = *text;
  if (const auto* number = std::get_if<int64_t>(&value)) data = *number;
  if (const auto* real = std::get_if<double>(&value)) data = *real;
  if (const auto* flag = std::get_if<bool>(&value)) data = *flag;
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) data = *list;
  if (const auto* time = std::get_if<absl::Time>(&value)) {
    data = absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", *time, absl::UTCTimeZone());
  }
  temporal::api::common::v1::Payload payload;
  (*payload.mutable_metadata())["encoding"] = "json/plain";
  (*payload.mutable_metadata())["type"] = TypeName(type);
  payload.set_data(data.dump(-1, ' ', false, json::error_handler_t::replace));
  return payload;
}

}  // namespace perdure::query
