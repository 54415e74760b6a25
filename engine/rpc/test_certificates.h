// Certificates for tests, made on the spot: a CA and what it signs.
#pragma once

#include <fstream>
#include <memory>
#include <string>

#include "openssl/evp.h"
#include "openssl/pem.h"
#include "openssl/x509v3.h"

namespace perdure::rpc {

class TestCa {
 public:
  explicit TestCa(const std::string& name) : key_(EVP_EC_gen("P-256")) {
    certificate_ = Make(name, *key_, nullptr, 3600);
  }

  std::string certificate() const { return Pem(*certificate_); }

  struct Issued {
    std::string certificate;
    std::string key;
  };
  // For that common name and the host names localhost and 127.0.0.1.
  Issued Issue(const std::string& name, int64_t valid_seconds = 3600) const {
    const Key key(EVP_EC_gen("P-256"));
    const Certificate certificate = Make(name, *key, this, valid_seconds);
    const Bio bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return {Pem(*certificate), Text(*bio)};
  }

 private:
  template <auto kFree>
  struct Freed {
    template <class T>
    void operator()(T* thing) const {
      kFree(thing);
    }
  };
  using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
  using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
  using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;

  static std::string Text(BIO& bio) {
    char* data = nullptr;
    const auto size = static_cast<size_t>(BIO_get_mem_data(&bio, &data));
    return {data, size};
  }
  static std::string Pem(X509& certificate) {
    const Bio bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), &certificate);
    return Text(*bio);
  }
  static void Extend(X509& certificate, int kind, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
    X509_add_ext(&certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
  // Signed by itself without a CA.
  static Certificate Make(const std::string& name, EVP_PKEY& key, const TestCa* ca,
                          int64_t valid_seconds) {
    Certificate certificate(X509_new());
    X509_set_version(certificate.get(), X509_VERSION_3);
    static int serial = 0;
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -7200);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), valid_seconds);
    X509_set_pubkey(certificate.get(), &key);
    X509_NAME* subject = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate.get(),
                         ca == nullptr ? subject : X509_get_subject_name(ca->certificate_.get()));
    if (ca == nullptr) Extend(*certificate, NID_basic_constraints, "critical,CA:TRUE");
    if (ca != nullptr) Extend(*certificate, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    X509_sign(certificate.get(), ca == nullptr ? &key : ca->key_.get(), EVP_sha256());
    return certificate;
  }

  Key key_;
  Certificate certificate_;
};

// Replaces the file at once, as an atomic rename does.
inline void ReplaceFile(const std::string& path, const std::string& text) {
  std::ofstream(path + ".new", std::ios::binary) << text;
  std::rename((path + ".new").c_str(), path.c_str());
}

}  // namespace perdure::rpc
