// TLS as options of a client, against a server with certificates made for the test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "perdure/client.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"
#include "worker-sdk/client/scripted_server.h"

namespace perdure::client {
namespace {

namespace api = temporal::api::workflowservice::v1;

struct Identity {
  std::string cert, key;
  std::shared_ptr<X509> x509;
  std::shared_ptr<EVP_PKEY> pkey;
};

template <class Write>
std::string Pem(Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  write(bio.get());
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

void Extend(X509* cert, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, cert, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

// Signed by `issuer`, or by itself.
Identity Make(const char* name, const Identity* issuer, const char* alternative = nullptr) {
  Identity made;
  made.pkey.reset(EVP_EC_gen("P-256"), EVP_PKEY_free);
  made.x509.reset(X509_new(), X509_free);
  X509* cert = made.x509.get();
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), issuer ? 2 : 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
  X509_set_pubkey(cert, made.pkey.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  const Identity& signer = issuer ? *issuer : made;
  X509_set_issuer_name(cert, X509_get_subject_name(signer.x509.get()));
  if (issuer == nullptr) Extend(cert, NID_basic_constraints, "critical,CA:TRUE");
  if (alternative != nullptr) Extend(cert, NID_subject_alt_name, alternative);
  X509_sign(cert, signer.pkey.get(), EVP_sha256());
  made.cert = Pem([&](BIO* bio) { PEM_write_bio_X509(bio, cert); });
  made.key = Pem([&](BIO* bio) {
    PEM_write_bio_PrivateKey(bio, made.pkey.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return made;
}

class Tls : public ::testing::Test {
 protected:
  void Serve(bool wants_client_cert) {
    grpc::SslServerCredentialsOptions options(
        wants_client_cert ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                          : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
    options.pem_root_certs = ca_.cert;
    options.pem_key_cert_pairs.push_back({server_identity_.key, server_identity_.cert});
    server_ = std::make_unique<ScriptedServer>(grpc::SslServerCredentials(options));
    server_->On("GetSystemInfo",
                [](const ScriptedCall&) -> ScriptedServer::Reply { return std::string(); });
  }
  // The metadata that the server saw; throws ConnectError.
  std::multimap<std::string, std::string> Connect(ClientOptions options) {
    options.target = server_->target();
    Client::connect(std::move(options));
    return server_->calls().at(0).metadata;
  }
  void ExpectRefused(ClientOptions options, const std::string& why) {
    // It is tried again until then.
    options.connect_timeout = std::chrono::milliseconds(500);
    EXPECT_THROW(Connect(std::move(options)), ConnectError) << why;
  }

  const Identity ca_ = Make("test authority", nullptr);
  const Identity server_identity_ = Make("server", &ca_, "DNS:perdure.example");
  const Identity client_identity_ = Make("client", &ca_);
  std::unique_ptr<ScriptedServer> server_;
};

TEST_F(Tls, TheServersNameAndAuthorityAreChecked) {
  Serve(false);
  EXPECT_NO_THROW(
      Connect({.tls = TlsOptions{.server_ca_cert = ca_.cert, .server_name = "perdure.example"}}));
  ExpectRefused({.tls = TlsOptions{.server_ca_cert = ca_.cert}},
                "the certificate is of another name");
  ExpectRefused({.tls = TlsOptions{.server_ca_cert = Make("other", nullptr).cert,
                                   .server_name = "perdure.example"}},
                "the certificate is of another authority");
  ExpectRefused({}, "the server speaks TLS");
}

TEST_F(Tls, TheClientShowsItsCertificate) {
  Serve(true);
  TlsOptions tls = {.server_ca_cert = ca_.cert, .server_name = "perdure.example"};
  ExpectRefused({.tls = tls}, "it has none");
  tls.client_cert = client_identity_.cert;
  tls.client_private_key = client_identity_.key;
  EXPECT_NO_THROW(Connect({.tls = tls}));
}

TEST_F(Tls, VerificationCanBeSwitchedOff) {
  Serve(true);
  TlsOptions tls = {.client_cert = client_identity_.cert,
                    .client_private_key = client_identity_.key,
                    .verify_server = false};
  EXPECT_NO_THROW(Connect({.tls = tls}));
}

TEST_F(Tls, AnApiKeyGoesOverTls) {
  Serve(false);
  ClientOptions options;
  options.api_key = "secret";
  ExpectRefused(options, "the system does not know the authority");
  options.tls = TlsOptions{.server_ca_cert = ca_.cert, .server_name = "perdure.example"};
  EXPECT_THAT(Connect(options),
              ::testing::Contains(::testing::Pair("authorization", "Bearer secret")));
}

TEST_F(Tls, ACertificateWithoutItsKeyIsRefused) {
  Serve(false);
  ExpectRefused({.tls = TlsOptions{.client_cert = client_identity_.cert}}, "it would not do");
}

}  // namespace
}  // namespace perdure::client
