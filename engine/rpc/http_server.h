// A small HTTP/1.1 server: for the JSON gateway, and for metrics and probes. The library behind it
// does not show in this header.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace perdure::rpc {

struct HttpRequest {
  std::string method;  // "GET"
  // Decoded segments of the path: "/a/b%2Fc" is {"a", "b/c"}.
  std::vector<std::string> path;
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
  std::map<std::string, std::string> headers;              // names in lower case
  std::string body;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// Runs on a thread of its own and may block.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

struct HttpOptions {
  std::string ip = "127.0.0.1";
  int port = 0;  // 0: any free one
  // One connection takes a thread while it is open; more wait. Threads are started as needed.
  int threads_max = 64;
  int64_t body_size_max = 4 << 20;
};

// Thread-safe.
class HttpServer {
 public:
  // UNAVAILABLE if the address can't be listened on.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const HttpOptions& options,
                                                           HttpHandler handler);
  // Takes no more requests and waits for the handlers that run.
  virtual ~HttpServer() = default;
  virtual int port() const = 0;
};

// The target of a request line into path and query. False if its percent signs are malformed.
bool ParseTarget(absl::string_view target, HttpRequest& request);

}  // namespace perdure::rpc
