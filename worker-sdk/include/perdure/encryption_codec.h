// Encrypts payloads with AES-256-GCM, as the encryption samples of the other SDKs do: they read
// each other.
//
//   auto codec = std::make_shared<perdure::EncryptionCodec>("key-1", key);   // 32 bytes
//   auto client = perdure::Client::connect({.codecs = {codec}});
//
// A whole payload becomes the data of another: a 12-byte random nonce, the encrypted bytes, the
// 16-byte tag. Metadata: encoding binary/encrypted, encryption-cipher AES/GCM, encryption-key-id.
#pragma once

#include <map>
#include <string>

#include "perdure/payload_codec.h"

namespace perdure {

// Thread-safe. Links with libcrypto.
class EncryptionCodec final : public PayloadCodec {
 public:
  // Encrypts with this key. Throws Error unless it has 32 bytes.
  EncryptionCodec(std::string key_id, std::string key);
  // Decrypts with this one, too: keys that were in use before.
  EncryptionCodec& add_key(std::string key_id, std::string key);

  Payloads encode(Payloads payloads) override;
  // Throws Error for a key that is not known, and for bytes that were changed on their way.
  Payloads decode(Payloads payloads) override;

 private:
  const std::string key_id_;
  std::map<std::string, std::string> keys_;
};

}  // namespace perdure
