// Search attributes with their types: what lists of workflows can be filtered by.
//
//   inline const perdure::search_key<std::int64_t> items{"Items"};
//   workflow::upsert(items.set(5));
//
// The types: bool (Bool), std::int64_t (Int), double (Double), std::string (Keyword;
// perdure::text_key for Text), std::vector<std::string> (KeywordList), perdure::Timestamp
// (Datetime).
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "perdure/codec.h"

namespace perdure {

struct search_attribute_update {
  std::string name;
  Payload value;  // binary/null removes it.
};

template <class T>
struct search_key {
  static_assert(std::is_same_v<T, bool> || std::is_same_v<T, std::int64_t> ||
                    std::is_same_v<T, double> || std::is_same_v<T, std::string> ||
                    std::is_same_v<T, std::vector<std::string>> || std::is_same_v<T, Timestamp>,
                "not a type of search attributes");
  std::string name;
  // Only the server knows Keyword from Text; it is said to it for attributes whose type it should
  // check.
  std::string_view type = TypeName();

  search_attribute_update set(const T& value) const {
    Payload payload = perdure::encode(value);
    payload.metadata = {{"type", std::string(type)}};
    return {name, std::move(payload)};
  }
  search_attribute_update unset() const {
    Payload payload;
    payload.encoding = detail::kNull;
    payload.metadata = {{"type", std::string(type)}};
    return {name, std::move(payload)};
  }
  std::optional<T> decode(const Payload& payload) const {
    return perdure::decode<std::optional<T>>(payload);
  }

 private:
  static constexpr std::string_view TypeName() {
    if constexpr (std::is_same_v<T, bool>)
      return "Bool";
    else if constexpr (std::is_same_v<T, std::int64_t>)
      return "Int";
    else if constexpr (std::is_same_v<T, double>)
      return "Double";
    else if constexpr (std::is_same_v<T, std::string>)
      return "Keyword";
    else if constexpr (std::is_same_v<T, Timestamp>)
      return "Datetime";
    else
      return "KeywordList";
  }
};
inline search_key<std::string> text_key(std::string name) { return {std::move(name), "Text"}; }

// For the options of a start: const PayloadMap found_by = search_attributes({items.set(5)});
inline PayloadMap search_attributes(std::initializer_list<search_attribute_update> updates) {
  PayloadMap attributes;
  for (const search_attribute_update& update : updates) attributes[update.name] = update.value;
  return attributes;
}

}  // namespace perdure
