#include "worker-sdk/client/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker-sdk/client/toml.h"

namespace perdure::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

EnvironmentSource Source(std::map<std::string, std::string> variables,
                         std::map<std::string, std::string> files = {}) {
  EnvironmentSource source;
  source.variables = std::move(variables);
  source.read_file = [files = std::move(files)](
                         const std::string& path) -> absl::StatusOr<std::optional<std::string>> {
    const auto found = files.find(path);
    return found == files.end() ? std::nullopt : std::optional<std::string>(found->second);
  };
  return source;
}

constexpr char kPath[] = "/home/ann/.config/temporalio/temporal.toml";
constexpr char kFile[] = R"(
# Two clusters.
[profile.default]
address = "default:7233"
namespace = "main"

[profile.cloud]
address = 'cloud:7233'
api_key = "key-1"
grpc_meta = { X_Tenant = "7", "other-one" = "8" }
[profile.cloud.tls]
server_name = "cloud.example"
client_cert_path = "/cert"
client_key_data = """
KEY"""
)";

TEST(Environment, NothingSetIsTheLocalServer) {
  const auto options = OptionsFrom(Source({}), {});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->target, "127.0.0.1:7233");
  EXPECT_EQ(options->namespace_, "default");
  EXPECT_FALSE(options->tls.has_value());
}

TEST(Environment, ACodecServerIsOfTheProfileOrOfVariables) {
  const char* file = "[profile.default]\ncodec = { endpoint = \"https://a\", auth = \"b\" }\n";
  auto options = OptionsFrom(Source({{"HOME", "/home/ann"}}, {{kPath, file}}), {});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->codec_endpoint, "https://a");
  EXPECT_EQ(options->codec_auth, "b");
  options = OptionsFrom(
      Source({{"HOME", "/home/ann"}, {"TEMPORAL_CODEC_ENDPOINT", "https://c"}}, {{kPath, file}}),
      {});
  EXPECT_EQ(options->codec_endpoint, "https://c");
  EXPECT_EQ(options->codec_auth, "b");
}

TEST(Environment, VariablesStandOverTheDefaultProfile) {
  const auto options = OptionsFrom(
      Source({{"HOME", "/home/ann"}, {"TEMPORAL_NAMESPACE", "other"}}, {{kPath, kFile}}), {});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->target, "default:7233");
  EXPECT_EQ(options->namespace_, "other");
}

TEST(Environment, AProfileGivesKeysCertificatesAndMetadata) {
  const auto source = Source({{"TEMPORAL_CONFIG_FILE", "/my.toml"},
                              {"TEMPORAL_PROFILE", "cloud"},
                              {"TEMPORAL_GRPC_META_FROM_ENV", "9"},
                              {"TEMPORAL_GRPC_META_OTHER_ONE", ""}},
                             {{"/my.toml", kFile}, {"/cert", "CERT"}});
  const auto options = OptionsFrom(source, {});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->target, "cloud:7233");
  EXPECT_EQ(options->api_key, "key-1");
  ASSERT_TRUE(options->tls.has_value());
  EXPECT_EQ(options->tls->server_name, "cloud.example");
  EXPECT_EQ(options->tls->client_cert, "CERT");
  EXPECT_EQ(options->tls->client_private_key, "KEY");
  EXPECT_TRUE(options->tls->verify_server);
  EXPECT_THAT(options->metadata,
              UnorderedElementsAre(Pair("x-tenant", "7"), Pair("from-env", "9")));
}

TEST(Environment, AnArgumentNamesTheProfileBeforeTheVariable) {
  const auto source =
      Source({{"HOME", "/home/ann"}, {"TEMPORAL_PROFILE", "cloud"}}, {{kPath, kFile}});
  EXPECT_EQ(OptionsFrom(source, "default")->target, "default:7233");
}

TEST(Environment, AProfileThatIsAskedForMustExist) {
  const auto source = Source({{"HOME", "/home/ann"}}, {{kPath, kFile}});
  EXPECT_THAT(OptionsFrom(source, "nobody").status().message(), HasSubstr("no profile \"nobody\""));
  EXPECT_TRUE(OptionsFrom(Source({{"HOME", "/home/ann"}}, {{kPath, ""}}), {}).ok());
}

TEST(Environment, TlsIsSwitchedOnAndOffByItsVariable) {
  EXPECT_TRUE(OptionsFrom(Source({{"TEMPORAL_TLS", "true"}}), {})->tls.has_value());
  const auto off = OptionsFrom(Source({{"TEMPORAL_TLS", "0"}, {"TEMPORAL_API_KEY", "k"}}), {});
  EXPECT_FALSE(off->tls.has_value());
  EXPECT_TRUE(off->disable_tls);
}

TEST(Environment, ACertificateNeedsItsKeyAndOneSource) {
  // Not in plain text because of a word that was meant otherwise.
  for (const char* variable : {"TEMPORAL_TLS", "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION"}) {
    EXPECT_THAT(OptionsFrom(Source({{variable, "yes"}}), {}).status().message(),
                HasSubstr(variable));
  }
  EXPECT_THAT(OptionsFrom(Source({{"TEMPORAL_TLS_CLIENT_CERT_DATA", "C"}}), {}).status().message(),
              HasSubstr("needs its key"));
  EXPECT_THAT(OptionsFrom(Source({{"TEMPORAL_TLS_SERVER_CA_CERT_DATA", "C"},
                                  {"TEMPORAL_TLS_SERVER_CA_CERT_PATH", "/c"}}),
                          {})
                  .status()
                  .message(),
              HasSubstr("both"));
  EXPECT_THAT(
      OptionsFrom(Source({{"TEMPORAL_TLS_SERVER_CA_CERT_PATH", "/c"}}), {}).status().message(),
      HasSubstr("no file /c"));
}

TEST(Environment, AFileThatCannotBeReadNamesItsLine) {
  const auto source =
      Source({{"HOME", "/home/ann"}}, {{kPath, "[profile.default]\naddress = \"a\" \"b\"\n"}});
  EXPECT_THAT(OptionsFrom(source, {}).status().message(), HasSubstr("temporal.toml: line 2"));
}

TEST(Environment, OtherTypesStandWhereNothingIsReadOfThem) {
  const char* file = R"(
version = 1.5
[profile.default]
address = "a:1"
retries = [1, 2.5]
since = 2026-01-01T00:00:00Z
[profile.other]
address = 7.5
grpc_meta = { limit = 3 }
tls = { disabled = 1979-05-27 }
[[clusters]]
name = "x"
)";
  const auto source = Source({{"HOME", "/home/ann"}}, {{kPath, file}});
  const auto options = OptionsFrom(source, {});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->target, "a:1");
  EXPECT_THAT(OptionsFrom(source, "other").status().message(),
              HasSubstr("temporal.toml: profile other: address is no text"));
}

TEST(Environment, WhatIsReadMustBeOfItsType) {
  for (const char* setting :
       {"namespace = 1", "api_key = [\"a\"]", "grpc_meta = { a = 1 }", "tls = { disabled = 3 }",
        "tls = { server_name = true }", "codec = { endpoint = 1.5 }"}) {
    const std::string file = std::string("[profile.default]\n") + setting;
    EXPECT_FALSE(OptionsFrom(Source({{"HOME", "/home/ann"}}, {{kPath, file}}), {}).ok()) << setting;
  }
}

TEST(Environment, AnEmptyTableCounts) {
  const auto source =
      Source({{"HOME", "/home/ann"}}, {{kPath, "[profile.empty]\n[profile.safe.tls]\n"}});
  EXPECT_TRUE(OptionsFrom(source, "empty").ok());
  EXPECT_TRUE(OptionsFrom(source, "safe")->tls.has_value());
}

TEST(Toml, ReadsStringsOfAllForms) {
  const auto values = ParseToml(
      "a = \"q\\\"\\u00e9\\n\"\r\nb = 'c:\\d'\n\"x.y\".z = '''\none\ntwo'''\n"
      "e = \"\"\"one \\\n   two\"\"\" # comment\nf = true\ng = -1_000");
  ASSERT_TRUE(values.ok()) << values.status();
  const auto text = [](const char* value) { return TomlValue{TomlValue::Kind::text, value}; };
  using Path = std::vector<std::string>;
  EXPECT_THAT(*values,
              UnorderedElementsAre(Pair(Path{"a"}, text("q\"é\n")), Pair(Path{"b"}, text("c:\\d")),
                                   Pair(Path{"x.y"}, TomlValue{TomlValue::Kind::table}),
                                   Pair(Path{"x.y", "z"}, text("one\ntwo")),
                                   Pair(Path{"e"}, text("one two")),
                                   Pair(Path{"f"}, TomlValue{TomlValue::Kind::boolean, "true"}),
                                   Pair(Path{"g"}, TomlValue{TomlValue::Kind::other})));
}

TEST(Toml, RefusesWhatIsNone) {
  for (const char* text : {"a", "a =", "[a", "a = 'x", "a = \"\\q\"", "a = yes", "a = 1 2",
                           "a = 1\na = 2", "a = { b = 1", "= 1", "a = \"\\ud800\""}) {
    EXPECT_FALSE(ParseToml(text).ok()) << text;
  }
}

}  // namespace
}  // namespace perdure::client
