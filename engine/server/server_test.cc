#include "server/server.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "httplib.h"
#include "server/command_line.h"

namespace perdure::server {
namespace {

using google::protobuf::Message;

// Answers everything with a default response.
class StubCore final : public Core, public services::RpcHandler {
 public:
  explicit StubCore(bool& drained) : drained_(drained) {}
  services::RpcHandler* handler() override { return this; }
  bool has_others() const override { return false; }
  runtime::ThreadLoop& engine_loop() override { return *loop_; }
  void EndForwardedCalls() override {}
  void Drain(absl::AnyInvocable<void() &&> done) override {
    drained_ = true;
    std::move(done)();
  }
  void Call(const google::protobuf::MethodDescriptor& method, services::CallContext context,
            std::unique_ptr<Message> request,
            services::Reply<std::unique_ptr<Message>> reply) override {
    const auto* prototype =
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(method.output_type());
    std::move(reply)(std::unique_ptr<Message>(prototype->New()));
  }

 private:
  bool& drained_;
  const std::unique_ptr<runtime::ThreadLoop> loop_ = runtime::MakeThreadLoop(/*seed=*/1);
};

// Of this process: several may run these tests at once.
std::string TemporaryFile() {
  return absl::StrCat(testing::TempDir(), "perdure_options_", getpid(), ".yaml");
}

ServerOptions AnyPorts() {
  ServerOptions options;
  options.port = 0;
  options.http_port = 0;
  options.metrics_port = 0;
  return options;
}

TEST(Server, ProbesTellItsStateThroughItsLife) {
  base::Metrics metrics;
  rpc::Health health;
  auto server = Server::Listen(AnyPorts(), metrics, health);
  ASSERT_TRUE(server.ok()) << server.status();
  httplib::Client probes("127.0.0.1", (*server)->metrics_port());
  httplib::Client api("127.0.0.1", (*server)->http_port());
  EXPECT_EQ(probes.Get("/healthz")->status, 200);
  EXPECT_EQ(probes.Get("/readyz")->status, 503);
  EXPECT_EQ(probes.Get("/readyz")->body, "starting\n");
  EXPECT_EQ(api.Get("/api/v1/system-info")->status, 503);
  bool drained = false;
  (*server)->Serve(std::make_unique<StubCore>(drained));
  health.Set(rpc::ServingState::kServing);
  EXPECT_EQ(probes.Get("/readyz")->status, 200);
  EXPECT_EQ(api.Get("/api/v1/system-info")->status, 200);
  metrics.CounterOf("test_counter", "help").Add();
  EXPECT_NE(probes.Get("/metrics")->body.find("test_counter 1"), std::string::npos);
  EXPECT_EQ(probes.Get("/elsewhere")->status, 404);
  (*server)->Stop();
  EXPECT_TRUE(drained);
}

TEST(Server, APortInUseIsAnError) {
  base::Metrics metrics;
  rpc::Health health;
  auto first = Server::Listen(AnyPorts(), metrics, health);
  ASSERT_TRUE(first.ok());
  ServerOptions options = AnyPorts();
  options.port = (*first)->port();
  EXPECT_FALSE(Server::Listen(options, metrics, health).ok());
}

TEST(CommandLine, TakesTheFlagsOfTheDevServer) {
  const auto command = ParseServerCommand({"server",
                                           "start-dev",
                                           "--db-filename",
                                           "x.db",
                                           "--port",
                                           "1234",
                                           "--ip",
                                           "localhost",
                                           "--namespace",
                                           "a",
                                           "-n",
                                           "b",
                                           "--search-attribute",
                                           "Color=Keyword",
                                           "--headless",
                                           "--ui-port",
                                           "8233",
                                           "--log-format",
                                           "pretty",
                                           "--log-level",
                                           "error",
                                           "--dynamic-config-value",
                                           "limit.blobSize.error=1048576",
                                           "--dynamic-config-value",
                                           "frontend.unheardOf=true"});
  ASSERT_EQ(command.action, ServerCommand::Action::kServe) << command.output;
  EXPECT_EQ(command.options.db, "x.db");
  EXPECT_EQ(command.options.port, 1234);
  EXPECT_EQ(command.options.ip, "127.0.0.1");
  EXPECT_EQ(command.options.namespaces, (std::vector<std::string>{"default", "a", "b"}));
  EXPECT_EQ(command.options.search_attributes.at("Color"), 2);
  EXPECT_EQ(command.options.settings.Int(base::SettingId::kBlobSizeLimit), 1 << 20);
  ASSERT_EQ(command.warnings.size(), 1u);
}

TEST(CommandLine, RefusesWhatMakesNoSense) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"server", "start-dev", "--port", "99999"},
           {"server", "start-dev", "--prot", "1"},
           {"server", "start-dev", "--search-attribute", "Color=Colour"},
           {"server", "start", "--config", "/does/not/exist.yaml"},
           {"server"},
       }) {
    const auto command = ParseServerCommand(arguments);
    EXPECT_EQ(command.action, ServerCommand::Action::kExit);
    EXPECT_NE(command.exit_code, 0);
    EXPECT_FALSE(command.output.empty());
  }
}

TEST(Options, TheFileIsOverriddenByFlagsAndItsErrorsNameTheLine) {
  const std::string path = TemporaryFile();
  std::ofstream(path) << "port: 7000\nnamespaces: [x, y]\nsearch_attributes: {Size: Int}\n"
                      << "blob_size_limit: 1MiB\n";
  auto command = ParseServerCommand({"server", "config", "-c", path, "--port", "7001"});
  ASSERT_EQ(command.action, ServerCommand::Action::kPrintConfig) << command.output;
  EXPECT_EQ(command.options.port, 7001);
  const std::string text = Describe(command.options);
  EXPECT_NE(text.find("port: \"7001\"  # flag --port"), std::string::npos) << text;
  EXPECT_NE(text.find("namespaces: \"default,x,y\"  # file"), std::string::npos) << text;
  EXPECT_NE(text.find("blob_size_limit: \"1MiB\"  # file"), std::string::npos) << text;
  std::ofstream(path) << "port: 7000\nblob_size_limt: 1\n";
  command = ParseServerCommand({"server", "config", "-c", path});
  EXPECT_NE(command.output.find(":2: "), std::string::npos) << command.output;
  EXPECT_NE(command.output.find("blob_size_limit"), std::string::npos) << command.output;
  std::remove(path.c_str());
}

TEST(Options, ANamespaceHasSettingsOfItsOwn) {
  const std::string path = TemporaryFile();
  std::ofstream(path) << "blob_size_limit: 1MiB\n"
                      << "namespace_settings:\n  orders: {blob_size_limit: 4MiB, "
                      << "frontend.namespaceRPS: 5}\n";
  auto command = ParseServerCommand(
      {"server", "config", "-c", path, "--namespace-setting", "shop:history_count_limit=100"});
  ASSERT_EQ(command.action, ServerCommand::Action::kPrintConfig) << command.output;
  const auto settings = SettingsOfNamespaces(command.options);
  ASSERT_EQ(settings.size(), 2u);
  EXPECT_EQ(settings.at("orders").Int(base::SettingId::kBlobSizeLimit), 4 << 20);
  EXPECT_EQ(settings.at("orders").Int(base::SettingId::kRequestRateLimit), 5);
  EXPECT_EQ(settings.at("shop").Int(base::SettingId::kBlobSizeLimit), 1 << 20);
  EXPECT_EQ(settings.at("shop").Int(base::SettingId::kHistoryCountLimit), 100);
  EXPECT_NE(Describe(command.options)
                .find("namespace_settings: \"orders:blob_size_limit=4MiB,"
                      "orders:request_rate_limit=5,shop:history_count_limit=100\""),
            std::string::npos)
      << Describe(command.options);
  std::remove(path.c_str());
  const struct {
    const char* flag;
    const char* text;
  } wrong[] = {
      {"shop:blob_size_limt=1MiB", "blob_size_limit"},   // what was meant
      {"shop:blob_size_limit=many", "blob_size_limit"},  // no size
      {"shop:retention_min=1h", "whole cluster"},        // not a namespace's
      {"blob_size_limit=1MiB", "NAMESPACE:SETTING=VALUE"},
  };
  for (const auto& [flag, text] : wrong) {
    command = ParseServerCommand({"server", "config", "--namespace-setting", flag});
    EXPECT_EQ(command.action, ServerCommand::Action::kExit) << flag;
    EXPECT_NE(command.output.find(text), std::string::npos) << flag << ": " << command.output;
  }
}

TEST(SecurityOptions, PlainTextForEverybodyMustBeAskedFor) {
  base::Metrics metrics;
  rpc::Health health;
  ServerOptions options = AnyPorts();
  options.ip = "0.0.0.0";
  const auto refused = Server::Listen(options, metrics, health);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(refused.status().message().find("allow_plaintext"), std::string::npos);
  ASSERT_TRUE(SetOption("allow_plaintext", "true", "test", options).ok());
  EXPECT_TRUE(Server::Listen(options, metrics, health).ok());
  EXPECT_TRUE(IsLoopback("127.0.0.2"));
  EXPECT_TRUE(IsLoopback("::1"));
  EXPECT_FALSE(IsLoopback("::"));
  EXPECT_FALSE(IsLoopback("1.2.3.4"));
  EXPECT_FALSE(IsLoopback("localhost.example.com"));
}

TEST(SecurityOptions, ComeByFileEnvironmentAndFlag) {
  setenv("PERDURE_AUTH_ISSUER", "me", 1);
  const auto command = ParseServerCommand({"server", "config", "--allow-plaintext",
                                           "--tls-require-client-cert=false", "--auth-clock-skew",
                                           "5s", "--audit-log", "-"});
  unsetenv("PERDURE_AUTH_ISSUER");
  ASSERT_EQ(command.action, ServerCommand::Action::kPrintConfig) << command.output;
  const SecurityOptions& security = command.options.security;
  EXPECT_TRUE(security.allow_plaintext);
  EXPECT_FALSE(security.tls.requires_client_certificate);
  EXPECT_EQ(security.auth.token_rules.clock_skew, absl::Seconds(5));
  EXPECT_EQ(security.auth.token_rules.issuer, "me");
  EXPECT_EQ(security.audit_log, "-");
  const std::string text = Describe(command.options);
  EXPECT_NE(text.find("allow_plaintext: \"true\"  # flag"), std::string::npos) << text;
  EXPECT_NE(text.find("auth_issuer: \"me\"  # environment"), std::string::npos) << text;
}

TEST(SecurityOptions, WhatDoesNotFitIsNamed) {
  ServerOptions options;
  EXPECT_FALSE(SetOption("auth_clock_skew", "2h", "test", options).ok());
  EXPECT_FALSE(SetOption("allow_plaintext", "perhaps", "test", options).ok());
  const auto error = [](const SecurityOptions& security) {
    return std::string(CheckSecurity(security, "127.0.0.1").message());
  };
  EXPECT_EQ(error({}), "");
  EXPECT_NE(error({.tls = {.certificate = "/x"}}), "");
  EXPECT_NE(error({.tls = {.ca = "/x"}}).find("tls_client_ca"), std::string::npos);
  EXPECT_NE(error({.tls = {.requires_client_certificate = true}}), "");
  EXPECT_NE(error({.internal_tls = {.certificate = "/x"}}).find("internal_tls_ca"),
            std::string::npos);
}

TEST(Options, PasswordsAreNotShown) {
  for (const char* db :
       {"postgres://user:secret@host/db", "postgres://user:secret@secret/secret@host:5/db?x=1",
        "postgres://host/db?user=u&password=secret&x=1",
        "postgres://u:secret@h/d?sslpassword=secret", "host=h password=secret user=u",
        "password='secret secret' user=u", "password=secret"}) {
    ServerOptions options;
    options.db = db;
    EXPECT_EQ(Describe(options).find("secret"), std::string::npos) << Describe(options);
  }
  ServerOptions options;
  options.db = "postgres://host:5432/db?user=x@y";
  EXPECT_NE(Describe(options).find(options.db), std::string::npos);
}

TEST(Options, AMisspelledNameGetsASuggestion) {
  ServerOptions options;
  const auto status = SetOption("metric_port", "1", "test", options);
  EXPECT_EQ(status.message(), "unknown setting \"metric_port\"; did you mean \"metrics_port\"?");
}

}  // namespace
}  // namespace perdure::server
