// What the server is told to be: from defaults, then the configuration file, the environment and
// the flags, each over the ones before.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/log.h"
#include "base/settings.h"
#include "server/security_options.h"

namespace perdure::server {

// Value.
struct ServerOptions {
  std::string ip = "127.0.0.1";
  int port = 7233;
  // Unset: the usual port (7243, 9090), or any free one if that is taken.
  std::optional<int> http_port;
  std::optional<int> metrics_port;
  // A file's path, "sqlite:<path>", "postgres://…", or empty: in memory.
  std::string db;
  std::vector<std::string> namespaces = {"default"};
  // temporal.api.enums.v1.IndexedValueType by name, in each of the namespaces.
  std::map<std::string, int> search_attributes;
  base::LogOptions log;
  SecurityOptions security;
  base::Settings settings;
  // Settings that single namespaces have of their own: text by name, by namespace.
  std::map<std::string, std::map<std::string, std::string>> namespace_settings;

  struct Origin {
    std::string text;
    std::string source;  // "file perdure.yaml", "environment", "flag"
  };
  std::map<std::string, Origin> origins;  // of what was set, by option name
};

// One option or setting by its name. INVALID_ARGUMENT says what is wrong, and for an unknown name
// which one may have been meant; the options are unchanged then. Lists (namespaces,
// search_attributes) grow.
absl::Status SetOption(absl::string_view name, absl::string_view text, absl::string_view source,
                       ServerOptions& options);

// The keys of a YAML file, which are the names of options and settings. INVALID_ARGUMENT or
// NOT_FOUND name the file and the line.
absl::Status ReadConfigFile(const std::string& path, ServerOptions& options);
// The cluster's settings with those of each namespace over them, for the namespaces that have any.
std::map<std::string, base::Settings> SettingsOfNamespaces(const ServerOptions& options);
// PERDURE_PORT, PERDURE_DB and so on. Variables of other names are not looked at.
absl::Status ReadEnvironment(ServerOptions& options);

// Every option and setting with its value and where that came from, as a YAML file that could be
// read back. Passwords in the database's URL are left out.
std::string Describe(const ServerOptions& options);

}  // namespace perdure::server
