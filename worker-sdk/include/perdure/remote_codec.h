// Payloads encoded and decoded by a codec server, over HTTP: as user interfaces and other SDKs ask
// one (POST <endpoint>/encode and /decode, payloads as JSON). Link perdure::remote_codec.
//
//   auto options = perdure::ClientOptions::from_environment();     // `codec` of its profile
//   if (auto codec = perdure::RemoteCodec::of(options)) options.codecs.push_back(codec);
//
// Each message costs a round trip to the server, also in replays: for tools rather than for
// workers, which do better with the codec itself.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "perdure/client_options.h"
#include "perdure/errors.h"
#include "perdure/payload_codec.h"

namespace perdure {

struct RemoteCodecOptions {
  // "https://codec.example/path"; `{namespace}` in it stands for the namespace.
  std::string endpoint;
  std::string auth = {};  // The header `Authorization`; empty: none.
  std::string namespace_ = "default";
  std::chrono::milliseconds timeout = std::chrono::seconds(10);
};

// Thread-safe. Throws an Error that names the endpoint where it does not answer as it should.
class RemoteCodec final : public PayloadCodec {
 public:
  // Throws ConfigError for an endpoint that is no http:// or https:// address.
  explicit RemoteCodec(RemoteCodecOptions options);
  // Of ClientOptions::codec_endpoint; null where there is none.
  static std::shared_ptr<PayloadCodec> of(const ClientOptions& options);

  Payloads encode(Payloads payloads) override;
  Payloads decode(Payloads payloads) override;

 private:
  Payloads ask(const char* what, const Payloads& payloads) const;

  RemoteCodecOptions options_;
  std::string host_;  // With scheme and port.
  std::string path_;
};

}  // namespace perdure
