#include "cli/session.h"

#include <cstdio>
#include <iostream>

namespace perdure::cli {

Format Session::format() const {
  if (output == "json") return Format::kJson;
  if (output == "jsonl") return Format::kJsonLines;
  return Format::kTable;
}

void AddSessionOptions(CLI::App& app, const SessionPtr& session) {
  ConnectionOptions& connection = session->connection;
  app.add_option("--address", connection.address, "Address of the server, host:port.")
      ->envname("TEMPORAL_ADDRESS")
      ->capture_default_str();
  app.add_option("-n,--namespace", connection.name_space, "Namespace.")
      ->envname("TEMPORAL_NAMESPACE")
      ->capture_default_str();
  app.add_option("-o,--output", session->output, "table (or text), json or jsonl.")
      ->check(CLI::IsMember({"table", "text", "json", "jsonl"}))
      ->capture_default_str();
  app.add_option("--command-timeout", connection.command_timeout,
                 "Longest time for one call, such as 10s.");
  app.add_flag_function(
         "--tls", [&connection](int64_t count) { connection.use_tls = count > 0; },
         "Connect by TLS; --tls=false: don't, though there is an API key.")
      ->envname("TEMPORAL_TLS");
  app.add_option("--tls-ca-path", connection.tls_ca_path, "File of the server's CA certificate.")
      ->envname("TEMPORAL_TLS_SERVER_CA_CERT_PATH");
  app.add_option("--tls-cert-path", connection.tls_cert_path, "File of the client certificate.")
      ->envname("TEMPORAL_TLS_CLIENT_CERT_PATH");
  app.add_option("--tls-key-path", connection.tls_key_path, "File of the client's private key.")
      ->envname("TEMPORAL_TLS_CLIENT_KEY_PATH");
  app.add_option("--tls-server-name", connection.tls_server_name, "Name in the certificate.")
      ->envname("TEMPORAL_TLS_SERVER_NAME");
  app.add_option("--api-key", connection.api_key, "Sent as a bearer token.")
      ->envname("TEMPORAL_API_KEY");
}

void OnCommand(CLI::App& command, const SessionPtr& session,
               std::function<absl::Status(Client&, Format)> run) {
  command.fallthrough();
  command.callback([session, run = std::move(run)] {
    absl::StatusOr<std::unique_ptr<Client>> client = Client::Make(session->connection);
    const absl::Status status = client.ok() ? run(**client, session->format()) : client.status();
    if (status.ok()) return;
    std::cerr << "Error: " << status.message() << " (" << absl::StatusCodeToString(status.code())
              << ")" << std::endl;
    throw CLI::RuntimeError(1);
  });
}

bool Confirm(bool is_agreed, const std::string& question) {
  if (is_agreed) return true;
  std::cerr << question << " [y/N] ";
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace perdure::cli
