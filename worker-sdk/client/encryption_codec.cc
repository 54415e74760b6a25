#include "perdure/encryption_codec.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "perdure/errors.h"
#include "temporal/api/common/v1/message.pb.h"
#include "worker-sdk/core/convert.h"

namespace perdure {
namespace {

constexpr std::size_t kKeySize = 32;
constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kTagSize = 16;
constexpr char kEncoding[] = "binary/encrypted";
constexpr char kCipherKey[] = "encryption-cipher";
constexpr char kCipher[] = "AES/GCM";
constexpr char kKeyIdKey[] = "encryption-key-id";

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

unsigned char* Bytes(std::string& text, std::size_t at = 0) {
  return reinterpret_cast<unsigned char*>(text.data() + at);
}
const unsigned char* Bytes(const std::string& text, std::size_t at = 0) {
  return reinterpret_cast<const unsigned char*>(text.data() + at);
}

void Require(bool is_good, const char* what) {
  if (!is_good) throw Error(std::string("encryption codec: ") + what);
}

std::string Encrypt(const std::string& key, const std::string& plain) {
  std::string sealed(kNonceSize + plain.size() + kTagSize, '\0');
  Require(RAND_bytes(Bytes(sealed), kNonceSize) == 1, "no random bytes");
  const Context context(EVP_CIPHER_CTX_new());
  int size = 0;
  const bool is_good =
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, Bytes(key), Bytes(sealed)) ==
          1 &&
      EVP_EncryptUpdate(context.get(), Bytes(sealed, kNonceSize), &size, Bytes(plain),
                        static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(context.get(), Bytes(sealed, kNonceSize + plain.size()), &size) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagSize,
                          Bytes(sealed, kNonceSize + plain.size())) == 1;
  Require(is_good, "the cipher failed");
  return sealed;
}

std::string Decrypt(const std::string& key, std::string sealed) {
  Require(sealed.size() >= kNonceSize + kTagSize, "the payload is too short");
  std::string plain(sealed.size() - kNonceSize - kTagSize, '\0');
  const Context context(EVP_CIPHER_CTX_new());
  int size = 0;
  const bool is_good =
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, Bytes(key), Bytes(sealed)) ==
          1 &&
      EVP_DecryptUpdate(context.get(), Bytes(plain), &size, Bytes(sealed, kNonceSize),
                        static_cast<int>(plain.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagSize,
                          Bytes(sealed, kNonceSize + plain.size())) == 1 &&
      EVP_DecryptFinal_ex(context.get(), Bytes(plain, plain.size()), &size) == 1;
  Require(is_good, "the payload is not what was encrypted with this key");
  return plain;
}

}  // namespace

EncryptionCodec::EncryptionCodec(std::string key_id, std::string key) : key_id_(std::move(key_id)) {
  add_key(key_id_, std::move(key));
}

EncryptionCodec& EncryptionCodec::add_key(std::string key_id, std::string key) {
  Require(key.size() == kKeySize, "a key has 32 bytes");
  keys_[std::move(key_id)] = std::move(key);
  return *this;
}

Payloads EncryptionCodec::encode(Payloads payloads) {
  for (Payload& payload : payloads) {
    const std::string plain = core::ToApi(std::move(payload)).SerializeAsString();
    payload = Payload{.encoding = kEncoding,
                      .data = Encrypt(keys_.at(key_id_), plain),
                      .metadata = {{kCipherKey, kCipher}, {kKeyIdKey, key_id_}}};
  }
  return payloads;
}

Payloads EncryptionCodec::decode(Payloads payloads) {
  for (Payload& payload : payloads) {
    if (payload.encoding != kEncoding) continue;
    const auto id = std::find_if(payload.metadata.begin(), payload.metadata.end(),
                                 [](const auto& entry) { return entry.first == kKeyIdKey; });
    Require(id != payload.metadata.end(), "the payload names no key");
    const auto key = keys_.find(id->second);
    if (key == keys_.end()) throw Error("encryption codec: no key \"" + id->second + "\"");
    temporal::api::common::v1::Payload plain;
    Require(plain.ParseFromString(Decrypt(key->second, std::move(payload.data))),
            "the decrypted bytes are no payload");
    payload = core::FromApi(std::move(plain));
  }
  return payloads;
}

}  // namespace perdure
