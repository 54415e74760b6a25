// Search attribute payloads, decoded and checked against their registered types. Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "query/filter.h"
#include "temporal/api/common/v1/message.pb.h"

namespace perdure::query {

// `type` is a temporal.api.enums.v1.IndexedValueType; false for unspecified ones.
bool TypeFromWire(int type, Type& out);
int TypeToWire(Type type);
// As in payload metadata: "Keyword", "KeywordList" …
std::string TypeName(Type type);

// std::monostate for null and empty lists, which unset the attribute. INVALID_ARGUMENT names the
// attribute.
absl::StatusOr<Value> DecodeAttribute(absl::string_view name,
                                      const temporal::api::common::v1::Payload& payload, Type type);
// The same of what a client sends: as Temporal, nothing but json/plain and binary/null is taken.
absl::StatusOr<Value> DecodeNewAttribute(absl::string_view name,
                                         const temporal::api::common::v1::Payload& payload,
                                         Type type);
// json/plain with the type in the metadata.
temporal::api::common::v1::Payload EncodeAttribute(const Value& value, Type type);

}  // namespace perdure::query
