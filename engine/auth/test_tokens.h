// Keys and tokens for tests, made on the spot.
#pragma once

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "auth/freed.h"
#include "auth/jwt.h"
#include "openssl/core_names.h"
#include "openssl/ecdsa.h"
#include "openssl/evp.h"
#include "openssl/rsa.h"

namespace perdure::auth {

class TestKey {
 public:
  TestKey(KeySet::Algorithm algorithm, std::string id) : algorithm_(algorithm), id_(std::move(id)) {
    switch (algorithm) {
      case KeySet::Algorithm::kRs256:
        key_.reset(EVP_RSA_gen(2048));
        break;
      case KeySet::Algorithm::kEs256:
        key_.reset(EVP_EC_gen("P-256"));
        break;
      case KeySet::Algorithm::kEdDsa:
        key_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
        break;
    }
  }

  std::string Jwk() const {
    const std::string head = absl::StrCat("{\"kid\":\"", id_, "\",");
    switch (algorithm_) {
      case KeySet::Algorithm::kRs256:
        return absl::StrCat(head, "\"kty\":\"RSA\",\"n\":\"", Number(OSSL_PKEY_PARAM_RSA_N, 256),
                            "\",\"e\":\"AQAB\"}");
      case KeySet::Algorithm::kEs256:
        return absl::StrCat(head, "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"",
                            Number(OSSL_PKEY_PARAM_EC_PUB_X, 32), "\",\"y\":\"",
                            Number(OSSL_PKEY_PARAM_EC_PUB_Y, 32), "\"}");
      case KeySet::Algorithm::kEdDsa: {
        std::string x(32, '\0');
        size_t size = x.size();
        EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(x.data()), &size);
        return absl::StrCat(head, "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"",
                            absl::WebSafeBase64Escape(x), "\"}");
      }
    }
    return "";
  }
  std::string Set() const { return absl::StrCat("{\"keys\":[", Jwk(), "]}"); }

  std::string Sign(const std::string& claims) const {
    const char* name = algorithm_ == KeySet::Algorithm::kRs256   ? "RS256"
                       : algorithm_ == KeySet::Algorithm::kEs256 ? "ES256"
                                                                 : "EdDSA";
    return SignAs(absl::StrCat("{\"alg\":\"", name, "\",\"kid\":\"", id_, "\"}"), claims);
  }
  std::string SignAs(const std::string& header, const std::string& claims) const {
    const std::string text =
        absl::StrCat(absl::WebSafeBase64Escape(header), ".", absl::WebSafeBase64Escape(claims));
    return absl::StrCat(text, ".", absl::WebSafeBase64Escape(Signature(text)));
  }

 private:
  std::string Number(const char* name, int size) const {
    BIGNUM* raw = nullptr;
    EVP_PKEY_get_bn_param(key_.get(), name, &raw);
    const Freed<BIGNUM, BN_free> number(raw);
    std::string bytes(static_cast<size_t>(size), '\0');
    BN_bn2binpad(number.get(), reinterpret_cast<unsigned char*>(bytes.data()), size);
    return absl::WebSafeBase64Escape(bytes);
  }

  std::string Signature(const std::string& text) const {
    const Freed<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
    EVP_DigestSignInit(context.get(), nullptr,
                       algorithm_ == KeySet::Algorithm::kEdDsa ? nullptr : EVP_sha256(), nullptr,
                       key_.get());
    std::string signature(512, '\0');
    size_t size = signature.size();
    auto* bytes = reinterpret_cast<unsigned char*>(signature.data());
    EVP_DigestSign(context.get(), bytes, &size, reinterpret_cast<const unsigned char*>(text.data()),
                   text.size());
    signature.resize(size);
    if (algorithm_ != KeySet::Algorithm::kEs256) return signature;
    const unsigned char* at = bytes;
    const Freed<ECDSA_SIG, ECDSA_SIG_free> pair(
        d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)));
    std::string raw(64, '\0');
    auto* out = reinterpret_cast<unsigned char*>(raw.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), out, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), out + 32, 32);
    return raw;
  }

  KeySet::Algorithm algorithm_;
  std::string id_;
  Freed<EVP_PKEY, EVP_PKEY_free> key_;
};

}  // namespace perdure::auth
