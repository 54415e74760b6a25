// How a client finds its server and what it adds to each call.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace perdure {

class ClientInterceptor;
class ContextPropagator;
class FailureConverter;
class MetricsSink;
class PayloadCodec;

// PEM texts, not paths. All empty: the system's certificate authorities, no client certificate.
struct TlsOptions {
  std::string server_ca_cert = {};
  std::string client_cert = {};
  std::string client_private_key = {};
  // The name that the server's certificate must carry, where it is not the target's host.
  std::string server_name = {};
  // False: anyone may answer. For experiments only.
  bool verify_server = true;
};

struct ClientOptions {
  std::string target = "127.0.0.1:7233";  // host:port
  std::string namespace_ = "default";
  std::string identity = {};  // Empty: pid@host.
  std::optional<TlsOptions> tls = {};
  std::string api_key =
      {};  // Sent as "authorization: Bearer ..."; switches TLS on unless disable_tls.
  // In place of api_key, where keys change: asked before each attempt of each call, by the thread
  // that makes it. Thread-safe and quick; what it throws fails the call (UNAUTHENTICATED).
  std::function<std::string()> api_key_provider = {};
  bool disable_tls = false;
  // Sent with every call.
  std::map<std::string, std::string> metadata = {};
  std::string authority = {};
  // True: connect() does not talk to the server, the first call does.
  bool lazy = false;
  // How long connect() tries.
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(10);
  // Ends connect() once it is requested, with ConnectError (canceled). Of later calls:
  // Client::with_stop.
  std::stop_token stop = {};
  // Of one attempt of one call that is no long poll.
  std::chrono::nanoseconds rpc_timeout = std::chrono::seconds(10);
  std::chrono::nanoseconds keepalive_interval = std::chrono::seconds(30);  // Zero: none.
  std::chrono::nanoseconds keepalive_timeout = std::chrono::seconds(15);
  // Payloads are encoded by the last first and decoded by the first first. Shared with the client
  // and its workers.
  std::vector<std::shared_ptr<PayloadCodec>> codecs = {};
  // A codec server, of `codec` in a profile; for perdure/remote_codec.h, no codec by itself.
  std::string codec_endpoint = {}, codec_auth = {};
  // Messages and stack traces of failures are made payloads, so that codecs hide them from the
  // server.
  bool encode_failure_attributes = false;
  // Exceptions to failures and back (perdure/failure_converter.h). Null: the default one. Shared
  // with the client and its workers.
  std::shared_ptr<FailureConverter> failure_converter = {};
  // The first sees a call first. Shared with the client.
  std::vector<std::shared_ptr<ClientInterceptor>> interceptors = {};
  // Carry what travels along (perdure/context_propagator.h).
  std::vector<std::shared_ptr<ContextPropagator>> context_propagators = {};
  std::shared_ptr<MetricsSink> metrics = {};
  // What is larger is refused before it is sent. 0: no limit of the client's.
  std::int64_t payload_size_max = std::int64_t{2} << 20;
  std::int64_t request_size_max = std::int64_t{4} << 20;

  // From the environment (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS...)
  // and the profile of temporal.toml that TEMPORAL_PROFILE or `profile` names; see
  // docs/sdk/client.md. Throws ConfigError.
  static ClientOptions from_environment(std::string_view profile = {});
};

}  // namespace perdure
