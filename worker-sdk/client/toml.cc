#include "worker-sdk/client/toml.h"

#include <toml++/toml.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace perdure::client {
namespace {

TomlValue ValueOf(const toml::node& node) {
  if (const auto* text = node.as_string()) return {TomlValue::Kind::text, text->get()};
  if (const auto* is_on = node.as_boolean())
    return {TomlValue::Kind::boolean, is_on->get() ? "true" : "false"};
  return {node.is_table() ? TomlValue::Kind::table : TomlValue::Kind::other};
}

void Collect(const toml::table& table, std::vector<std::string>* path, TomlValues* values) {
  for (const auto& [key, node] : table) {
    path->emplace_back(key.str());
    values->emplace(*path, ValueOf(node));
    if (const toml::table* inner = node.as_table()) Collect(*inner, path, values);
    path->pop_back();
  }
}

}  // namespace

absl::StatusOr<TomlValues> ParseToml(std::string_view text) {
  try {
    TomlValues values;
    std::vector<std::string> path;
    Collect(toml::parse(text), &path, &values);
    return values;
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("line ", error.source().begin.line, ": ", std::string(error.description())));
  }
}

}  // namespace perdure::client
