#include "rpc/tls.h"

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_certificate_verifier.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "openssl/ssl.h"

namespace perdure::rpc {
namespace {

namespace tls = grpc::experimental;

constexpr unsigned kRefreshSeconds = 1;

std::shared_ptr<tls::FileWatcherCertificateProvider> Watch(const TlsFiles& files) {
  return std::make_shared<tls::FileWatcherCertificateProvider>(files.key, files.certificate,
                                                               files.ca, kRefreshSeconds);
}

// What both sides have in common.
void Fill(const TlsFiles& files, tls::TlsCredentialsOptions& options) {
  if (!files.certificate.empty()) options.watch_identity_key_cert_pairs();
  if (!files.ca.empty()) options.watch_root_certs();
}

}  // namespace

absl::Status CheckTlsFiles(const TlsFiles& files) {
  if (files.certificate.empty() != files.key.empty()) {
    return base::InvalidArgument("TLS: certificate and key belong together; one is missing");
  }
  if (files.requires_client_certificate && (files.ca.empty() || files.certificate.empty())) {
    return base::InvalidArgument(
        "TLS: client certificates are required, which takes a certificate and a client CA");
  }
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_method()),
                                                                  &SSL_CTX_free);
  if (!files.certificate.empty()) {
    if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1) {
      return base::InvalidArgument(
          absl::StrCat("TLS: ", files.certificate, " can't be read as a certificate (PEM)"));
    }
    if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
      return base::InvalidArgument(absl::StrCat(
          "TLS: ", files.key, " can't be read as the private key (PEM) of ", files.certificate));
    }
  }
  const bool has_ca = !files.ca.empty();
  if (has_ca && SSL_CTX_load_verify_file(context.get(), files.ca.c_str()) != 1) {
    return base::InvalidArgument(
        absl::StrCat("TLS: ", files.ca, " can't be read as certificates (PEM) of a CA"));
  }
  return absl::OkStatus();
}

std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(const TlsFiles& files) {
  if (files.is_plain()) return grpc::InsecureServerCredentials();
  tls::TlsServerCredentialsOptions options(Watch(files));
  Fill(files, options);
  options.set_cert_request_type(
      files.requires_client_certificate ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
      : files.ca.empty()                ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                        : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  return tls::TlsServerCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> MakeChannelCredentials(const TlsFiles& files) {
  if (files.is_plain()) return grpc::InsecureChannelCredentials();
  tls::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(Watch(files));
  Fill(files, options);
  if (!files.verifies_host_name) {
    options.set_certificate_verifier(std::make_shared<tls::NoOpCertificateVerifier>());
    options.set_check_call_host(false);
  }
  return tls::TlsCredentials(options);
}

}  // namespace perdure::rpc
