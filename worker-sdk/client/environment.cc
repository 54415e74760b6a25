#include "worker-sdk/client/environment.h"

#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "perdure/client_errors.h"
#include "worker-sdk/client/toml.h"

namespace perdure::client {
namespace {

constexpr char kMetadataPrefix[] = "TEMPORAL_GRPC_META_";

absl::Status Invalid(absl::string_view what) { return absl::InvalidArgumentError(what); }

std::string MetadataKey(std::string_view name) {
  const std::string lower = absl::AsciiStrToLower(absl::string_view(name.data(), name.size()));
  return absl::StrReplaceAll(lower, {{"_", "-"}});
}

std::optional<bool> ToBool(const std::string& text) {
  const std::string lower = absl::AsciiStrToLower(text);
  if (lower == "1" || lower == "true") return true;
  if (lower == "0" || lower == "false") return false;
  return std::nullopt;
}

// What a profile says of TLS; a present one switches TLS on.
struct Tls {
  bool is_disabled = false;
  bool skips_verification = false;
  std::map<std::string, std::string> texts;  // By the names in temporal.toml.
};

struct Profile {
  std::map<std::string, std::string> texts;
  std::optional<Tls> tls;
  std::map<std::string, std::string> metadata;

  Tls& mutable_tls() {
    if (!tls) tls.emplace();
    return *tls;
  }
};

std::string Variable(const EnvironmentSource& source, const char* name) {
  const auto found = source.variables.find(name);
  return found == source.variables.end() ? std::string() : found->second;
}

std::string ConfigPath(const EnvironmentSource& source) {
  std::string path = Variable(source, "TEMPORAL_CONFIG_FILE");
  if (!path.empty()) return path;
  std::string folder = Variable(source, "XDG_CONFIG_HOME");
  if (folder.empty()) {
    const std::string home = Variable(source, "HOME");
    if (home.empty()) return {};
    folder = home + "/.config";
  }
  return folder + "/temporalio/temporal.toml";
}

// Where a setting of a profile is kept; null for what is none, as of a newer SDK. `name` is the
// setting's path from its profile on.
std::string* TextOf(const std::vector<std::string>& name, Profile* profile) {
  static const std::set<std::vector<std::string>> kTexts = {
      {"address"},   {"namespace"},         {"api_key"},
      {"authority"}, {"codec", "endpoint"}, {"codec", "auth"}};
  static const std::set<std::string> kTlsTexts = {
      "client_cert_path", "client_cert_data",    "client_key_path",    "client_key_data",
      "server_name",      "server_ca_cert_path", "server_ca_cert_data"};
  if (kTexts.contains(name)) return &profile->texts[absl::StrJoin(name, ".")];
  if (name.size() != 2) return nullptr;
  if (name[0] == "grpc_meta") return &profile->metadata[MetadataKey(name[1])];
  if (name[0] == "tls" && kTlsTexts.contains(name[1]))
    return &profile->mutable_tls().texts[name[1]];
  return nullptr;
}

bool* SwitchOf(const std::vector<std::string>& name, Profile* profile) {
  if (name.size() != 2 || name[0] != "tls") return nullptr;
  if (name[1] == "disabled") return &profile->mutable_tls().is_disabled;
  if (name[1] == "disable_host_verification") return &profile->mutable_tls().skips_verification;
  return nullptr;
}

absl::Status SetFromFile(const std::vector<std::string>& name, const TomlValue& value,
                         Profile* profile) {
  if (name == std::vector<std::string>{"tls"} && value.kind == TomlValue::Kind::table) {
    profile->mutable_tls();
  }
  if (std::string* const text = TextOf(name, profile)) {
    if (value.kind != TomlValue::Kind::text)
      return Invalid(absl::StrCat(absl::StrJoin(name, "."), " is no text"));
    *text = value.text;
  }
  if (bool* const is_on = SwitchOf(name, profile)) {
    const std::optional<bool> given = ToBool(value.text);
    if (!given)
      return Invalid(absl::StrCat(absl::StrJoin(name, "."), " is neither true nor false"));
    *is_on = *given;
  }
  return absl::OkStatus();
}

absl::Status ReadProfile(const EnvironmentSource& source, std::string name, Profile* profile) {
  if (name.empty()) name = Variable(source, "TEMPORAL_PROFILE");
  const bool is_named = !name.empty();
  if (!is_named) name = "default";
  const std::string path = ConfigPath(source);
  absl::StatusOr<std::optional<std::string>> text = std::optional<std::string>();
  if (!path.empty()) text = source.read_file(path);
  if (!text.ok()) return text.status();
  absl::StatusOr<TomlValues> values = TomlValues();
  if (text->has_value()) values = ParseToml(**text);
  if (!values.ok()) return Invalid(absl::StrCat(path, ": ", values.status().message()));
  bool is_found = false;
  for (const auto& [key, value] : *values) {
    if (key.size() < 2 || key[0] != "profile" || key[1] != name) continue;
    is_found = true;
    const std::vector<std::string> setting(key.begin() + 2, key.end());
    if (absl::Status status = SetFromFile(setting, value, profile); !status.ok()) {
      return Invalid(absl::StrCat(path, ": profile ", name, ": ", status.message()));
    }
  }
  if (is_named && !is_found) {
    return Invalid(absl::StrCat("there is no profile \"", name, "\" in ", path));
  }
  return absl::OkStatus();
}

// Leaves `value` as it is where the variable is not set.
absl::Status ReadBool(const EnvironmentSource& source, const char* variable,
                      std::optional<bool>* value) {
  const std::string text = Variable(source, variable);
  if (text.empty()) return absl::OkStatus();
  *value = ToBool(text);
  if (value->has_value()) return absl::OkStatus();
  return Invalid(absl::StrCat(variable, " is \"", text, "\", which is neither true nor false"));
}

absl::Status ApplyVariables(const EnvironmentSource& source, Profile* profile) {
  static constexpr std::pair<const char*, const char*> kTexts[] = {
      {"TEMPORAL_ADDRESS", "address"},
      {"TEMPORAL_NAMESPACE", "namespace"},
      {"TEMPORAL_API_KEY", "api_key"},
      {"TEMPORAL_CLIENT_AUTHORITY", "authority"},
      {"TEMPORAL_CODEC_ENDPOINT", "codec.endpoint"},
      {"TEMPORAL_CODEC_AUTH", "codec.auth"},
  };
  static constexpr std::pair<const char*, const char*> kTlsTexts[] = {
      {"TEMPORAL_TLS_CLIENT_CERT_PATH", "client_cert_path"},
      {"TEMPORAL_TLS_CLIENT_CERT_DATA", "client_cert_data"},
      {"TEMPORAL_TLS_CLIENT_KEY_PATH", "client_key_path"},
      {"TEMPORAL_TLS_CLIENT_KEY_DATA", "client_key_data"},
      {"TEMPORAL_TLS_SERVER_CA_CERT_PATH", "server_ca_cert_path"},
      {"TEMPORAL_TLS_SERVER_CA_CERT_DATA", "server_ca_cert_data"},
      {"TEMPORAL_TLS_SERVER_NAME", "server_name"},
  };
  const auto& variables = source.variables;
  for (const auto& [variable, name] : kTexts) {
    const auto found = variables.find(variable);
    if (found != variables.end()) profile->texts[name] = found->second;
  }
  for (const auto& [variable, name] : kTlsTexts) {
    const auto found = variables.find(variable);
    if (found != variables.end()) profile->mutable_tls().texts[name] = found->second;
  }
  std::optional<bool> is_on;
  absl::Status status = ReadBool(source, "TEMPORAL_TLS", &is_on);
  if (is_on) profile->mutable_tls().is_disabled = !*is_on;
  std::optional<bool> is_off;
  if (status.ok()) status = ReadBool(source, "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION", &is_off);
  if (is_off) profile->mutable_tls().skips_verification = *is_off;
  for (const auto& [variable, value] : variables) {
    if (!absl::StartsWith(variable, kMetadataPrefix)) continue;
    const std::string key =
        MetadataKey(std::string_view(variable).substr(sizeof(kMetadataPrefix) - 1));
    if (value.empty()) {
      profile->metadata.erase(key);
    } else {
      profile->metadata[key] = value;
    }
  }
  return status;
}

// A PEM text that is given itself or as the path of a file.
absl::StatusOr<std::string> Pem(const EnvironmentSource& source, const Tls& tls,
                                const std::string& name) {
  const auto data = tls.texts.find(name + "_data");
  const auto path = tls.texts.find(name + "_path");
  const bool has_data = data != tls.texts.end() && !data->second.empty();
  const bool has_path = path != tls.texts.end() && !path->second.empty();
  if (has_data && has_path)
    return Invalid(absl::StrCat("tls: both ", name, "_data and ", name, "_path"));
  if (has_data) return data->second;
  if (!has_path) return std::string();
  absl::StatusOr<std::optional<std::string>> text = source.read_file(path->second);
  if (!text.ok()) return text.status();
  if (!text->has_value()) return Invalid(absl::StrCat("tls: there is no file ", path->second));
  return **std::move(text);
}

absl::Status ToTls(const EnvironmentSource& source, const Tls& tls, ClientOptions* options) {
  if (tls.is_disabled) {
    options->disable_tls = true;
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> server_ca = Pem(source, tls, "server_ca_cert");
  absl::StatusOr<std::string> cert = Pem(source, tls, "client_cert");
  absl::StatusOr<std::string> key = Pem(source, tls, "client_key");
  for (const auto* text : {&server_ca, &cert, &key}) {
    if (!text->ok()) return text->status();
  }
  if (cert->empty() != key->empty()) {
    return Invalid("tls: a client certificate needs its key, and a key its certificate");
  }
  options->tls.emplace();
  options->tls->server_ca_cert = *std::move(server_ca);
  options->tls->client_cert = *std::move(cert);
  options->tls->client_private_key = *std::move(key);
  const auto name = tls.texts.find("server_name");
  if (name != tls.texts.end()) options->tls->server_name = name->second;
  options->tls->verify_server = !tls.skips_verification;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> ReadFile(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<std::string>();
    return Invalid(absl::StrCat("cannot read ", path));
  }
  return std::optional<std::string>(std::in_place, std::istreambuf_iterator<char>(file),
                                    std::istreambuf_iterator<char>());
}

}  // namespace

absl::StatusOr<ClientOptions> OptionsFrom(const EnvironmentSource& source,
                                          std::string_view profile_name) {
  Profile profile;
  if (absl::Status status = ReadProfile(source, std::string(profile_name), &profile);
      !status.ok()) {
    return status;
  }
  if (absl::Status status = ApplyVariables(source, &profile); !status.ok()) return status;
  ClientOptions options;
  if (const std::string& address = profile.texts["address"]; !address.empty())
    options.target = address;
  if (const std::string& name = profile.texts["namespace"]; !name.empty())
    options.namespace_ = name;
  options.api_key = profile.texts["api_key"];
  options.authority = profile.texts["authority"];
  options.codec_endpoint = profile.texts["codec.endpoint"];
  options.codec_auth = profile.texts["codec.auth"];
  options.metadata = std::move(profile.metadata);
  if (profile.tls) {
    if (absl::Status status = ToTls(source, *profile.tls, &options); !status.ok()) return status;
  }
  return options;
}

}  // namespace perdure::client

namespace perdure {

ClientOptions ClientOptions::from_environment(std::string_view profile) {
  client::EnvironmentSource source;
  source.read_file = client::ReadFile;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != text.npos)
      source.variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  absl::StatusOr<ClientOptions> options = client::OptionsFrom(source, profile);
  if (!options.ok()) throw ConfigError(std::string(options.status().message()));
  return *std::move(options);
}

}  // namespace perdure
