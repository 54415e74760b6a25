// A small HTTP/1.1 server, plain or over TLS: for the JSON gateway, and for metrics and probes. The
// library behind it (Boost.Beast) does not show in this header.
//
// One thread has all connections, so idle and slow ones cost memory and no thread; each has thirty
// seconds for a request. Requests that could be read in two ways (two lengths, a length and chunks,
// lines without CR) are answered 400 and end their connection. What a browser sends for a page of
// another site is answered 403: such a page must not reach an open server on the loopback.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "auth/authenticator.h"
#include "rpc/tls.h"

namespace perdure::rpc {

struct HttpRequest {
  std::string method;  // "GET"
  // Decoded segments of the path: "/a/b%2Fc" is {"a", "b/c"}.
  std::vector<std::string> path;
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
  std::map<std::string, std::string> headers;              // names in lower case
  std::string body;
  std::string peer;              // "ipv4:10.0.0.1:5000", as gRPC writes it
  std::string certificate_name;  // common name of its verified certificate; empty without one
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// What the request shows of who sends it.
auth::Credentials CredentialsOf(const HttpRequest& request);

// Runs on a thread of its own and may block.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

struct HttpOptions {
  std::string ip = "127.0.0.1";
  int port = 0;  // 0: any free one
  // A request takes one while its handler runs; more wait. Threads are started as needed.
  int threads_max = 64;
  // More are closed at once.
  int64_t connections_max = 20'000;
  int64_t body_size_max = 4 << 20;
  TlsFiles tls;
};

// Thread-safe.
class HttpServer {
 public:
  // UNAVAILABLE if the address can't be listened on, INVALID_ARGUMENT if the certificates are no
  // good.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const HttpOptions& options,
                                                           HttpHandler handler);
  // Takes no more requests and waits for the handlers that run.
  virtual ~HttpServer() = default;
  virtual int port() const = 0;
};

// The target of a request line into path and query. False if its percent signs are malformed.
bool ParseTarget(absl::string_view target, HttpRequest& request);

}  // namespace perdure::rpc
