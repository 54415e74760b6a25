#include "rpc/http_tls.h"

#include <sys/stat.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "openssl/x509.h"

namespace perdure::rpc {
namespace {

namespace ssl = boost::asio::ssl;

constexpr absl::Duration kLookInterval = absl::Seconds(1);

// What tells that one of the files was replaced or written.
std::string VersionOf(const TlsFiles& files) {
  std::string version;
  for (const std::string& path : {files.certificate, files.key, files.ca}) {
    struct stat facts{};
    if (path.empty() || stat(path.c_str(), &facts) != 0) continue;
    absl::StrAppend(&version, facts.st_mtim.tv_sec, ".", facts.st_mtim.tv_nsec, "/", facts.st_size,
                    "/", facts.st_ino, " ");
  }
  return version;
}

// Null if the files are no good.
HttpTls::ContextPtr MakeContext(const TlsFiles& files) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX* raw = context->native_handle();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  // No resumption: each connection is checked against the CA as it is then.
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  boost::system::error_code error;
  context->use_certificate_chain_file(files.certificate, error);
  if (!error) context->use_private_key_file(files.key, ssl::context::pem, error);
  if (!error && !files.ca.empty()) {
    context->load_verify_file(files.ca, error);
    SSL_CTX_set_verify(raw,
                       files.requires_client_certificate
                           ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                           : SSL_VERIFY_PEER,
                       nullptr);
  }
  if (!error) return context;
  base::LogWarning("the certificate for HTTP stays as it was", {{"error", error.message()}});
  return nullptr;
}

}  // namespace

HttpTls::ContextPtr HttpTls::Current(absl::Time now) {
  if (now - looked_at_ < kLookInterval) return context_;
  looked_at_ = now;
  std::string version = VersionOf(files_);
  if (version == version_) return context_;
  version_ = std::move(version);
  if (ContextPtr anew = MakeContext(files_); anew != nullptr) context_ = std::move(anew);
  return context_;
}

std::string PeerCertificateName(SSL* connection) {
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(
      SSL_get1_peer_certificate(connection), &X509_free);
  if (certificate == nullptr || SSL_get_verify_result(connection) != X509_V_OK) return "";
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (index < 0) return "";
  unsigned char* text = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
  if (size < 0) return "";
  std::string name(reinterpret_cast<char*>(text), static_cast<size_t>(size));
  OPENSSL_free(text);
  return name.find('\0') == name.npos ? name : "";
}

}  // namespace perdure::rpc
