#include "server/options.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/check.h"
#include "base/errors.h"
#include "temporal/api/enums/v1/common.pb.h"
#include "yaml-cpp/yaml.h"

namespace perdure::server {
namespace {

using base::InvalidArgument;

constexpr absl::string_view kOwnNames[] = {
    "ip",        "port",       "http_port",          "metrics_port",
    "db",        "namespaces", "search_attributes",  "log_file",
    "log_level", "log_format", "namespace_settings",
};

// Those above and those of the security table.
std::vector<absl::string_view> OptionNames() {
  std::vector<absl::string_view> names(std::begin(kOwnNames), std::end(kOwnNames));
  for (const SecurityOption& option : SecurityOptionTable()) names.push_back(option.name);
  return names;
}

bool IsOption(absl::string_view name) {
  return std::find(std::begin(kOwnNames), std::end(kOwnNames), name) != std::end(kOwnNames) ||
         IsSecurityOption(name);
}

absl::Status ParsePort(absl::string_view name, absl::string_view text, int& port) {
  int number = 0;
  if (!absl::SimpleAtoi(text, &number) || number < 0 || number > 65535) {
    return InvalidArgument(absl::StrCat(name, ": ", text, " is not a port (0 to 65535)"));
  }
  port = number;
  return absl::OkStatus();
}

// "Keyword" -> INDEXED_VALUE_TYPE_KEYWORD, "KeywordList" -> …_KEYWORD_LIST; the enum's own names
// too.
absl::Status ParseAttribute(absl::string_view text, ServerOptions& options) {
  namespace enums = temporal::api::enums::v1;
  const std::vector<std::string> sides = absl::StrSplit(text, absl::MaxSplits('=', 1));
  std::string type = sides.size() < 2 ? std::string() : absl::AsciiStrToUpper(sides[1]);
  if (type == "KEYWORDLIST") type = "KEYWORD_LIST";
  enums::IndexedValueType value = enums::INDEXED_VALUE_TYPE_UNSPECIFIED;
  const bool is_known =
      enums::IndexedValueType_Parse(absl::StrCat("INDEXED_VALUE_TYPE_", type), &value) &&
      value != enums::INDEXED_VALUE_TYPE_UNSPECIFIED;
  if (!is_known || sides[0].empty()) {
    return InvalidArgument(absl::StrCat(
        "search attribute ", text,
        ": write Name=Type, Type one of Text, Keyword, Int, Double, Bool, Datetime, KeywordList"));
  }
  options.search_attributes[sides[0]] = value;
  return absl::OkStatus();
}

absl::Status SetLog(absl::string_view name, absl::string_view text, ServerOptions& options) {
  if (name == "log_file") {
    options.log.file = std::string(text);
  } else if (name == "log_format") {
    if (text != "text" && text != "json" && text != "pretty") {
      return InvalidArgument(absl::StrCat("log_format: ", text, " is neither text nor json"));
    }
    options.log.format = text == "json" ? base::LogFormat::kJson : base::LogFormat::kText;
  } else if (text == "never" || text == "fatal") {  // Levels of Temporal's dev server.
    options.log.level = base::LogLevel::kError;
  } else if (!base::ParseLogLevel(text, &options.log.level)) {
    return InvalidArgument(
        absl::StrCat("log_level: ", text, " is none of debug, info, warning, error"));
  }
  return absl::OkStatus();
}

// "orders:blob_size_limit=4MiB"
absl::Status SetOfNamespace(absl::string_view text, ServerOptions& options) {
  const size_t equals = text.find('=');
  const size_t colon = text.substr(0, equals).rfind(':');
  if (equals == text.npos || colon == text.npos || colon == 0) {
    return InvalidArgument(
        absl::StrCat("namespace_settings: ", text, ": write NAMESPACE:SETTING=VALUE"));
  }
  const absl::string_view key = text.substr(colon + 1, equals - colon - 1);
  const absl::string_view value = text.substr(equals + 1);
  // Tells what is wrong with name or value.
  if (auto status = base::Settings().Set(key, value, ""); !status.ok()) return status;
  const base::Setting& setting = *base::FindSetting(key);
  if (setting.scope != base::SettingScope::kNamespace) {
    return InvalidArgument(
        absl::StrCat("setting ", setting.name, " is the whole cluster's, not a namespace's"));
  }
  options.namespace_settings[std::string(text.substr(0, colon))][std::string(setting.name)] =
      std::string(value);
  return absl::OkStatus();
}

absl::Status SetOwn(absl::string_view name, absl::string_view text, ServerOptions& options) {
  if (IsSecurityOption(name)) return SetSecurityOption(name, text, options.security);
  if (name == "ip") {
    options.ip = text == "localhost" ? "127.0.0.1" : std::string(text);
  } else if (name == "port") {
    return ParsePort(name, text, options.port);
  } else if (name == "http_port") {
    return ParsePort(name, text, options.http_port.emplace());
  } else if (name == "metrics_port") {
    return ParsePort(name, text, options.metrics_port.emplace());
  } else if (name == "db") {
    options.db = std::string(text);
  } else if (name == "namespaces") {
    for (const absl::string_view one : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
      const std::string trimmed(absl::StripAsciiWhitespace(one));
      auto& all = options.namespaces;
      if (std::find(all.begin(), all.end(), trimmed) == all.end()) all.push_back(trimmed);
    }
  } else if (name == "search_attributes") {
    for (const absl::string_view one : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
      if (auto status = ParseAttribute(absl::StripAsciiWhitespace(one), options); !status.ok()) {
        return status;
      }
    }
  } else if (name == "namespace_settings") {
    for (const absl::string_view one : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
      if (auto status = SetOfNamespace(absl::StripAsciiWhitespace(one), options); !status.ok()) {
        return status;
      }
    }
  } else {
    return SetLog(name, text, options);
  }
  return absl::OkStatus();
}

// What follows each `name` up to one of `ends`, hidden.
void HideValues(const std::string& name, const char* ends, std::string& text) {
  for (size_t at = text.find(name); at != text.npos; at = text.find(name, at)) {
    at += name.size();
    // A value in quotes goes on to the closing one.
    const bool is_quoted = at < text.size() && text[at] == '\'';
    const size_t end = is_quoted ? text.find('\'', at + 1) : text.find_first_of(ends, at);
    text.replace(at, end == text.npos ? text.npos : end - at, "…");
  }
}

// "postgres://user:secret@host/db?password=secret", "host=x password=secret": without the secrets.
std::string WithoutPassword(std::string db) {
  const size_t scheme = db.find("://");
  if (scheme != db.npos) {
    const size_t begin = scheme + 3;
    // Up to the last @, since a password may have one; but not into the parameters.
    const size_t at = db.rfind('@', db.find('?'));
    const size_t colon = db.find(':', begin);
    if (at != db.npos && at >= begin && colon < at) db.replace(colon + 1, at - colon - 1, "…");
  }
  HideValues("password=", scheme == db.npos ? " " : "&", db);
  return db;
}

// A YAML scalar or list as the text that SetOption takes; maps become K=V, maps of maps K:L=V.
std::string TextOf(const YAML::Node& node) {
  if (node.IsScalar()) return node.Scalar();
  std::vector<std::string> parts;
  if (node.IsSequence()) {
    for (const auto& item : node) parts.push_back(item.IsScalar() ? item.Scalar() : "");
  } else if (node.IsMap()) {
    for (const auto& item : node) {
      if (item.second.IsMap()) {
        for (const auto& inner : item.second) {
          parts.push_back(absl::StrCat(item.first.Scalar(), ":", inner.first.Scalar(), "=",
                                       inner.second.IsScalar() ? inner.second.Scalar() : ""));
        }
        continue;
      }
      parts.push_back(absl::StrCat(item.first.Scalar(), "=",
                                   item.second.IsScalar() ? item.second.Scalar() : ""));
    }
  }
  return absl::StrJoin(parts, ",");
}

}  // namespace

absl::Status SetOption(absl::string_view name, absl::string_view text, absl::string_view source,
                       ServerOptions& options) {
  const std::string key = absl::StrReplaceAll(name, {{"-", "_"}});
  if (!IsOption(key)) {
    if (base::FindSetting(name) == nullptr) {
      const std::string nearest = base::SuggestSetting(name, OptionNames());
      return InvalidArgument(
          absl::StrCat("unknown setting \"", std::string(name), "\"",
                       nearest.empty() ? "" : absl::StrCat("; did you mean \"", nearest, "\"?")));
    }
    return options.settings.Set(name, text, source);
  }
  ServerOptions changed = options;
  if (auto status = SetOwn(key, text, changed); !status.ok()) return status;
  changed.origins[key] = {std::string(text), std::string(source)};
  options = std::move(changed);
  return absl::OkStatus();
}

absl::Status ReadConfigFile(const std::string& path, ServerOptions& options) {
  YAML::Node root;
  try {
    root = YAML::LoadFile(path);
  } catch (const YAML::BadFile&) {
    return absl::NotFoundError(absl::StrCat("can't read the configuration file ", path));
  } catch (const YAML::Exception& error) {
    return InvalidArgument(absl::StrCat(path, ":", error.mark.line + 1, ": ", error.msg));
  }
  if (root.IsNull()) return absl::OkStatus();
  if (!root.IsMap()) return InvalidArgument(absl::StrCat(path, ": not a map of names to values"));
  for (const auto& entry : root) {
    const auto status =
        SetOption(entry.first.Scalar(), TextOf(entry.second), absl::StrCat("file ", path), options);
    if (!status.ok()) {
      return InvalidArgument(absl::StrCat(path, ":", entry.first.Mark().line + 1, ": ",
                                          std::string(status.message())));
    }
  }
  return absl::OkStatus();
}

std::map<std::string, base::Settings> SettingsOfNamespaces(const ServerOptions& options) {
  std::map<std::string, base::Settings> all;
  for (const auto& [name_space, settings] : options.namespace_settings) {
    base::Settings& own = all.try_emplace(name_space, options.settings).first->second;
    for (const auto& [name, text] : settings) {
      const absl::Status status = own.Set(name, text, absl::StrCat("namespace ", name_space));
      PERDURE_CHECK(status.ok());  // It was tried when it was given.
    }
  }
  return all;
}

absl::Status ReadEnvironment(ServerOptions& options) {
  std::vector<std::string> names;
  for (const absl::string_view name : OptionNames()) names.emplace_back(name);
  for (const base::Setting& setting : base::SettingTable()) names.emplace_back(setting.name);
  for (const std::string& name : names) {
    const std::string variable = absl::StrCat("PERDURE_", absl::AsciiStrToUpper(name));
    const char* text = std::getenv(variable.c_str());
    if (text == nullptr) continue;
    const auto status = SetOption(name, text, "environment", options);
    if (!status.ok()) {
      return InvalidArgument(absl::StrCat(variable, ": ", std::string(status.message())));
    }
  }
  return absl::OkStatus();
}

std::string Describe(const ServerOptions& options) {
  std::vector<std::string> attributes;
  for (const auto& [name, type] : options.search_attributes) {
    const std::string type_name = temporal::api::enums::v1::IndexedValueType_Name(
        static_cast<temporal::api::enums::v1::IndexedValueType>(type));
    attributes.push_back(
        absl::StrCat(name, "=", type_name.substr(sizeof("INDEXED_VALUE_TYPE_") - 1)));
  }
  std::vector<std::string> of_namespaces;
  for (const auto& [name_space, settings] : options.namespace_settings) {
    for (const auto& [name, value] : settings) {
      of_namespaces.push_back(absl::StrCat(name_space, ":", name, "=", value));
    }
  }
  std::map<std::string, std::string> values = {
      {"ip", options.ip},
      {"port", absl::StrCat(options.port)},
      {"http_port", absl::StrCat(options.http_port.value_or(7243))},
      {"metrics_port", absl::StrCat(options.metrics_port.value_or(9090))},
      {"db", WithoutPassword(options.db)},
      {"namespaces", absl::StrJoin(options.namespaces, ",")},
      {"search_attributes", absl::StrJoin(attributes, ",")},
      {"log_file", options.log.file},
      {"namespace_settings", absl::StrJoin(of_namespaces, ",")},
      {"log_level", options.log.level == base::LogLevel::kDebug     ? "debug"
                    : options.log.level == base::LogLevel::kInfo    ? "info"
                    : options.log.level == base::LogLevel::kWarning ? "warning"
                                                                    : "error"},
      {"log_format", options.log.format == base::LogFormat::kJson ? "json" : "text"},
  };
  for (const SecurityOption& option : SecurityOptionTable()) {
    values[std::string(option.name)] = TextOfSecurityOption(option.name, options.security);
  }
  std::string text;
  for (const absl::string_view name : OptionNames()) {
    const auto origin = options.origins.find(std::string(name));
    absl::StrAppend(&text, name, ": \"", values.at(std::string(name)), "\"  # ",
                    origin == options.origins.end() ? "default" : origin->second.source, "\n");
  }
  for (const base::Setting& setting : base::SettingTable()) {
    if (IsOption(setting.name)) continue;
    absl::StrAppend(&text, setting.name, ": \"", options.settings.TextOf(setting.id), "\"  # ",
                    options.settings.SourceOf(setting.id), "\n");
  }
  return text;
}

}  // namespace perdure::server
