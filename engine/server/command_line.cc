#include "server/command_line.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "base/log.h"
#include "base/metrics.h"
#include "rpc/health.h"
#include "server/core.h"
#include "server/database_commands.h"
#include "server/server.h"

namespace perdure::server {
namespace {

constexpr unsigned kStopMaxSeconds = 20;

// What CLI11 collects, applied afterwards so that flags come last.
struct Flags {
  std::string config;
  std::map<std::string, std::vector<std::string>> options;  // by option name
  std::vector<std::string> dynamic_config;
  std::vector<std::string> ignored;
};

std::string FlagOf(absl::string_view name) {
  return absl::StrCat("--", absl::StrReplaceAll(name, {{"_", "-"}}));
}

void AddCommonFlags(CLI::App& app, Flags& flags) {
  const auto add = [&](const std::string& spelling, const std::string& name,
                       const std::string& help) {
    app.add_option(spelling, flags.options[name], help);
  };
  add("--ip", "ip", "Address to listen on");
  add("--port,-p", "port", "Port of the gRPC API");
  add("--http-port", "http_port", "Port of the HTTP+JSON API (7243, or any free one)");
  add("--metrics-port", "metrics_port", "Port of /metrics, /healthz, /readyz (9090, or any free)");
  add("--db", "db", "postgres://…, or the path of an SQLite file; in memory if empty");
  add("--namespace,-n", "namespaces", "Namespaces to create at start, besides default");
  add("--search-attribute", "search_attributes", "Search attributes to register: Name=Type");
  add("--namespace-setting", "namespace_settings",
      "A setting for one namespace: NAMESPACE:SETTING=VALUE");
  add("--roles", "roles", "What this node does: frontend, history, matching; all by default");
  add("--internal-port", "internal_port",
      "Port for the other nodes of a cluster (7234, or any free one)");
  add("--advertise", "advertise", "HOST:PORT by which the other nodes reach that port");
  add("--log-level", "log_level", "debug, info, warning or error");
  add("--log-format", "log_format", "text or json");
  add("--log-file", "log_file", "File to log to; standard error if empty");
  for (const SecurityOption& option : SecurityOptionTable()) {
    const std::string name(option.name);
    const std::string help(option.help);
    if (!option.is_switch) {
      add(FlagOf(name), name, help);
      continue;
    }
    std::vector<std::string>& values = flags.options[name];
    app.add_flag_function(
        FlagOf(name) + "{true}",
        [&values](int64_t count) { values.push_back(count > 0 ? "true" : "false"); }, help);
  }
  app.add_option("--dynamic-config-value", flags.dynamic_config,
                 "A setting by the name that Temporal knows it by: key=value");
  for (const base::Setting& setting : base::SettingTable()) {
    const std::string name(setting.name);
    if (flags.options.contains(name)) continue;
    add(FlagOf(name), name, std::string(setting.sentence));
  }
}

// Flags of Temporal's dev server that have nothing to act on here are taken and left.
void AddDevFlags(CLI::App& app, Flags& flags) {
  app.add_option("--db-filename,-f", flags.options["db"], "Path of the SQLite file to keep");
  app.add_flag("--headless")->description("Without the web UI");
  for (const char* name : {"--ui-port", "--ui-ip", "--ui-public-path", "--ui-asset-path",
                           "--ui-codec-endpoint", "--sqlite-pragma", "--log-config"}) {
    app.add_option(name, flags.ignored, "")->group("");
  }
}

absl::Status ApplyDynamicConfig(const std::vector<std::string>& pairs, ServerCommand& command) {
  for (const std::string& pair : pairs) {
    const std::vector<std::string> sides = absl::StrSplit(pair, absl::MaxSplits('=', 1));
    if (sides.size() < 2) {
      return absl::InvalidArgumentError(
          absl::StrCat("--dynamic-config-value ", pair, ": write key=value"));
    }
    // Values are JSON: a text stands in quotes.
    const std::string value = absl::StrReplaceAll(sides[1], {{"\"", ""}});
    if (base::FindSetting(sides[0]) == nullptr) {
      const std::string nearest = base::SuggestSetting(sides[0]);
      command.warnings.push_back(
          absl::StrCat("dynamic config ", sides[0], " means nothing to this server",
                       nearest.empty() ? "" : absl::StrCat("; was ", nearest, " meant?")));
      continue;
    }
    const auto status = SetOption(sides[0], value, "flag --dynamic-config-value", command.options);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Apply(const Flags& flags, ServerCommand& command) {
  if (!flags.config.empty()) {
    if (auto status = ReadConfigFile(flags.config, command.options); !status.ok()) return status;
  }
  if (auto status = ReadEnvironment(command.options); !status.ok()) return status;
  for (const auto& [name, values] : flags.options) {
    for (const std::string& value : values) {
      const auto status =
          SetOption(name, value, absl::StrCat("flag ", FlagOf(name)), command.options);
      if (!status.ok()) return status;
    }
  }
  return ApplyDynamicConfig(flags.dynamic_config, command);
}

void PrintBanner(const Server& server, const ServerOptions& options) {
  const char* scheme = options.security.tls.is_plain() ? "http" : "https";
  std::printf("Perdure serves\n  gRPC     %s:%d\n  HTTP     %s://%s:%d\n  metrics  %s://%s:%d\n",
              options.ip.c_str(), server.port(), scheme, options.ip.c_str(), server.http_port(),
              scheme, options.ip.c_str(), server.metrics_port());
  std::fflush(stdout);
}

int Fail(const absl::Status& status) {
  base::LogError("the server can't start", {{"error", status}});
  std::fprintf(stderr, "perdure: %s\n", std::string(status.message()).c_str());
  return 1;
}

// The signals are waited for by one thread and never interrupt another.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

// Shells allow a process 1024 files, and each connection is one.
void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int Serve(const ServerCommand& command, const sigset_t& signals) {
  const absl::Status logging = base::ConfigureLog(command.options.log);
  if (!logging.ok()) return Fail(logging);
  for (const std::string& warning : command.warnings) base::LogWarning(warning);
  WarnOfOpenDoors(command.options.security, command.options.ip);
  base::Metrics metrics;
  rpc::Health health;
  auto server = Server::Listen(command.options, metrics, health);
  if (!server.ok()) return Fail(server.status());
  auto core = MakeCore(command.options, metrics, health, (*server)->call_queue());
  if (!core.ok()) return Fail(core.status());
  (*server)->Serve(*std::move(core));
  PrintBanner(**server, command.options);
  int received = 0;
  sigwait(&signals, &received);
  base::LogInfo("stopping", {{"signal", static_cast<int64_t>(received)}});
  // From here on another signal, or the alarm, has its default effect.
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  alarm(kStopMaxSeconds);
  (*server)->Stop();
  alarm(0);
  return 0;
}

}  // namespace

ServerCommand ParseServerCommand(const std::vector<std::string>& arguments) {
  CLI::App app("Perdure: durable execution that speaks Temporal's API", "perdure");
  app.require_subcommand(1);
  CLI::App* server = app.add_subcommand("server", "Run the server");
  server->require_subcommand(1);
  Flags flags;
  CLI::App* dev = server->add_subcommand("start-dev", "A server for development, in one process");
  AddCommonFlags(*dev, flags);
  AddDevFlags(*dev, flags);
  CLI::App* start = server->add_subcommand("start", "A server by its configuration file");
  AddCommonFlags(*start, flags);
  start->add_option("--config,-c", flags.config, "YAML file of options and settings");
  CLI::App* config = server->add_subcommand("config", "Print the configuration in effect");
  AddCommonFlags(*config, flags);
  config->add_option("--config,-c", flags.config, "YAML file of options and settings");
  CLI::App* check = server->add_subcommand("check", "See whether a server can run on its database");
  AddCommonFlags(*check, flags);
  check->add_option("--config,-c", flags.config, "YAML file of options and settings");
  CLI::App* migrate = server->add_subcommand(
      "migrate", "Show what a server would change of its database when it starts");
  AddCommonFlags(*migrate, flags);
  migrate->add_option("--config,-c", flags.config, "YAML file of options and settings");
  migrate->add_flag("--dry-run")
      ->required()
      ->description("Only show it: servers migrate by themselves");

  ServerCommand command;
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    std::ostringstream output;
    command.exit_code = app.exit(error, output, output);
    command.output = output.str();
    return command;
  }
  // The dev server is quiet unless something is wrong, as Temporal's is.
  if (dev->parsed()) command.options.log.level = base::LogLevel::kWarning;
  const absl::Status status = Apply(flags, command);
  if (!status.ok()) {
    command.exit_code = 2;
    command.output = absl::StrCat("perdure: ", std::string(status.message()), "\n");
    return command;
  }
  using Action = ServerCommand::Action;
  command.action = config->parsed()    ? Action::kPrintConfig
                   : check->parsed()   ? Action::kCheck
                   : migrate->parsed() ? Action::kShowMigrations
                                       : Action::kServe;
  return command;
}

int RunServerCommand(const std::vector<std::string>& arguments) {
  // Debian builds Abseil with its search for lock cycles on, at several percent of all CPU time.
  // Tests leave it on.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  RaiseFileLimit();
  const sigset_t signals = BlockSignals();
  const ServerCommand command = ParseServerCommand(arguments);
  switch (command.action) {
    case ServerCommand::Action::kExit:
      std::fputs(command.output.c_str(), command.exit_code == 0 ? stdout : stderr);
      return command.exit_code;
    case ServerCommand::Action::kPrintConfig:
      std::fputs(Describe(command.options).c_str(), stdout);
      return 0;
    case ServerCommand::Action::kCheck:
      return CheckDatabase(command.options);
    case ServerCommand::Action::kShowMigrations:
      return ShowMigrations(command.options);
    case ServerCommand::Action::kServe:
      return Serve(command, signals);
  }
  return 2;
}

}  // namespace perdure::server
