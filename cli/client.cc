#include "cli/client.h"

#include <fstream>
#include <sstream>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace perdure::cli {
namespace {

constexpr int kMessageMax = 128 << 20;
constexpr absl::Duration kTimeoutDefault = absl::Seconds(10);

absl::Status ReadFile(const std::string& path, std::string* text) {
  if (path.empty()) return absl::OkStatus();
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::InvalidArgumentError(absl::StrCat("cannot read ", path));
  std::ostringstream content;
  content << file.rdbuf();
  *text = content.str();
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(
    const ConnectionOptions& options) {
  const bool has_means =
      !options.tls_ca_path.empty() || !options.tls_cert_path.empty() || !options.api_key.empty();
  const bool is_secure = options.use_tls.value_or(has_means);
  if (!is_secure) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions ssl;
  for (const auto& [path, text] : {std::pair{&options.tls_ca_path, &ssl.pem_root_certs},
                                   std::pair{&options.tls_cert_path, &ssl.pem_cert_chain},
                                   std::pair{&options.tls_key_path, &ssl.pem_private_key}}) {
    if (absl::Status status = ReadFile(*path, text); !status.ok()) return status;
  }
  return grpc::SslCredentials(ssl);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Client::Make(const ConnectionOptions& options) {
  absl::Duration timeout = kTimeoutDefault;
  const std::string& text = options.command_timeout;
  if (!text.empty() && text != "0" && !absl::ParseDuration(text, &timeout)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--command-timeout: \"", text, "\" is not a duration such as 10s"));
  }
  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials = Credentials(options);
  if (!credentials.ok()) return credentials.status();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageMax);
  arguments.SetMaxSendMessageSize(kMessageMax);
  if (!options.tls_server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls_server_name);
  }
  // The constructor is private, so make_unique cannot reach it.
  return std::unique_ptr<Client>(new Client(
      grpc::CreateCustomChannel(options.address, *credentials, arguments), options, timeout));
}

void Client::Prepare(grpc::ClientContext& context, absl::Duration timeout) const {
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  context.AddMetadata("client-name", "perdure-cli");
  context.AddMetadata("client-version", "0.1.0");
  context.AddMetadata("supported-features", "follows-next-run-id");
  context.AddMetadata("temporal-namespace", name_space_);
  if (!api_key_.empty()) {
    context.AddMetadata("authorization", absl::StrCat("Bearer ", api_key_));
  }
}

absl::Status Client::ToStatus(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

}  // namespace perdure::cli
