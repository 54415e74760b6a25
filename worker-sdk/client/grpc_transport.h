// The transport of programs: gRPC over one channel, loops and a pool of threads.
//
// Thread-safe. Owns its own loop and the pool of blocking threads; loops made with NewExecutor
// belong to their callers and must be destroyed before the transport.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "perdure/detail/version.h"
#include "worker-sdk/client/transport.h"

namespace perdure::client {

struct GrpcTlsOptions {
  // PEM texts, not paths. Empty: the system's certificate authorities; no client certificate.
  std::string server_ca;
  std::string client_cert;
  std::string client_key;
  // The name the server's certificate must carry, where it is not the target's host.
  std::string server_name;
  bool verify_server = true;
};

struct GrpcTransportOptions {
  std::string target = "127.0.0.1:7233";
  std::string namespace_ = "default";  // Sent as metadata: some gateways route by it.
  std::optional<GrpcTlsOptions> tls;
  std::string api_key;  // Sent as "authorization: Bearer <key>".
  // In place of api_key: asked for each call.
  std::function<std::string()> api_key_provider;
  std::string authority;  // Overrides the :authority header.
  std::map<std::string, std::string> metadata;
  Nanos keepalive_interval = std::chrono::seconds(30);  // Zero: none.
  Nanos keepalive_timeout = std::chrono::seconds(15);
  std::int64_t receive_size_max = std::int64_t{128} << 20;
};

inline constexpr std::string_view kClientName = detail::kSdkName;
inline constexpr std::string_view kClientVersion = detail::kSdkVersion;

// INVALID_ARGUMENT where the options make no channel. Does not connect: the first call does.
absl::StatusOr<std::unique_ptr<Transport>> NewGrpcTransport(GrpcTransportOptions options);

}  // namespace perdure::client
