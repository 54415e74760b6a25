// TLS for the HTTP server, from the same files as gRPC's. Internal to rpc/.
#pragma once

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "boost/asio/ssl/context.hpp"
#include "openssl/ssl.h"
#include "rpc/tls.h"

namespace perdure::rpc {

// Used from one thread.
class HttpTls {
 public:
  using ContextPtr = std::shared_ptr<boost::asio::ssl::context>;  // shared by open connections

  // CheckTlsFiles has found no fault in them.
  explicit HttpTls(TlsFiles files) : files_(std::move(files)) {}

  // For one more connection, of the files as they are now, looked at every second at most. What
  // can't be read or does not fit leaves the former context in use; null before the first.
  ContextPtr Current(absl::Time now);

 private:
  const TlsFiles files_;
  absl::Time looked_at_ = absl::InfinitePast();
  std::string version_;
  ContextPtr context_;
};

// The common name of the verified certificate that the other side has shown; empty if it showed
// none, or a name with a NUL in it.
std::string PeerCertificateName(SSL* connection);

}  // namespace perdure::rpc
