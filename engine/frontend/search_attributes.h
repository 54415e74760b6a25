// Search attributes on the wire: payloads of JSON with a metadata entry "type", checked against
// what the namespace has registered.
//
// Pure functions. A null or an empty list unsets an attribute.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "query/filter.h"
#include "services/namespaces.h"
#include "temporal/api/common/v1/message.pb.h"

namespace perdure::frontend {

// Registered, of the right type, within the limits. Adds the metadata "type" where it is missing,
// so that histories and lists show it. INVALID_ARGUMENT with Temporal's text otherwise.
absl::Status CheckSearchAttributes(temporal::api::common::v1::SearchAttributes* attributes,
                                   const services::Namespace& name_space);

// The type of an attribute that a workflow may carry, custom or predefined; false if unknown.
bool TypeOfAttribute(absl::string_view name, const services::Namespace& name_space,
                     query::Type* type);

// The custom attributes as the filter language takes them.
query::AttributeTypes CustomAttributes(const services::Namespace& name_space);

}  // namespace perdure::frontend
