// TLS for gRPC from files that are watched: a replaced certificate, key or CA is used for new
// connections within two seconds, without a restart. Connections that are open go on as they are.
// gRPC and OpenSSL do not show in this header.
//
// TLS 1.2 and 1.3; nothing older is negotiated. Of certificate and key, replace both at once (a
// symlink to their folder, as Kubernetes does it): in between, new connections fail.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"

namespace grpc {
class ChannelCredentials;
class ServerCredentials;
}  // namespace grpc

namespace perdure::rpc {

// Paths of PEM files. No certificate and no CA: plain text.
struct TlsFiles {
  std::string certificate;  // own, followed by what leads up to the CA
  std::string key;          // of that certificate
  // What the other side's certificate is checked against. Server: given, clients may show one, and
  // one that does not verify ends the handshake. Channel: empty, the system's authorities.
  std::string ca;
  // Server only: no handshake without one.
  bool requires_client_certificate = false;
  // Channel only: false, any name will do that `ca` has signed, as in a cluster whose members find
  // each other by address and whose CA signs nobody else.
  bool verifies_host_name = true;

  bool is_plain() const { return certificate.empty() && ca.empty(); }
};

// Whether the files can be read and fit together. INVALID_ARGUMENT says which does not. gRPC itself
// would listen without them and refuse each connection.
absl::Status CheckTlsFiles(const TlsFiles& files);

// Insecure ones if `files` is plain.
std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(const TlsFiles& files);
std::shared_ptr<grpc::ChannelCredentials> MakeChannelCredentials(const TlsFiles& files);

}  // namespace perdure::rpc
