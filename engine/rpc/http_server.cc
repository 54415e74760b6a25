#include "rpc/http_server.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/errors.h"
#include "base/log.h"
#include "boost/asio/as_tuple.hpp"
#include "boost/asio/awaitable.hpp"
#include "boost/asio/co_spawn.hpp"
#include "boost/asio/detached.hpp"
#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/asio/post.hpp"
#include "boost/asio/steady_timer.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "boost/beast/core.hpp"
#include "boost/beast/http.hpp"
#include "boost/beast/ssl.hpp"
#include "rpc/http_tls.h"
#include "rpc/thread_pool.h"

namespace perdure::rpc {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

// Completions carry their error instead of throwing it.
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

constexpr auto kHandshakeMax = std::chrono::seconds(10);
// From the last answer, or the connection's start, to the end of the next request's headers; for a
// body; for sending an answer.
constexpr auto kReadMax = std::chrono::seconds(30);
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
// Bearer tokens outgrow the usual 8 KiB.
constexpr uint32_t kHeaderSizeMax = 64 << 10;

bool Decode(absl::string_view text, bool plus_is_space, std::string& decoded) {
  decoded.clear();
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size() || !std::isxdigit(static_cast<unsigned char>(text[i + 1])) ||
          !std::isxdigit(static_cast<unsigned char>(text[i + 2]))) {
        return false;
      }
      decoded += absl::HexStringToBytes(text.substr(i + 1, 2));
      i += 2;
    } else {
      decoded += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return true;
}

int StatusOf(const beast::error_code& error) {
  if (error == http::error::header_limit) return 431;
  if (error == http::error::body_limit) return 413;
  return 400;
}

// Errors that are the request's, and not the connection's, are answered.
bool IsMalformed(const beast::error_code& error) {
  return error.category() == http::make_error_code(http::error::bad_field).category() &&
         error != http::error::end_of_stream && error != http::error::partial_message;
}

HttpResponse PlainError(int status, const std::string& why) {
  return {.status = status, .body = absl::StrCat(why, "\n")};
}

std::string PeerOf(const tcp::socket& socket) {
  beast::error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return "";
  return peer.address().is_v4()
             ? absl::StrCat("ipv4:", peer.address().to_string(), ":", peer.port())
             : absl::StrCat("ipv6:[", peer.address().to_string(), "]:", peer.port());
}

using Parser = http::request_parser<http::string_body>;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

// What it does not know, Beast takes for a body of no length; whoever passed the request on may
// not.
bool HasOddEncoding(const Request& request) {
  const auto found = request.find(http::field::transfer_encoding);
  return found != request.end() && !beast::iequals(found->value(), "chunked");
}

// Null if the path is malformed.
std::shared_ptr<const HttpRequest> Convert(Request raw, const std::string& peer,
                                           const std::string& certificate_name) {
  auto request = std::make_shared<HttpRequest>();
  request->method = std::string(raw.method_string());
  for (const auto& field : raw) {
    request->headers.emplace(absl::AsciiStrToLower(std::string(field.name_string())),
                             std::string(field.value()));
  }
  const std::string target(raw.target());
  if (!ParseTarget(target, *request)) return nullptr;
  request->body = std::move(raw.body());
  request->peer = peer;
  request->certificate_name = certificate_name;
  return request;
}

// On the heap: Beast wants it to stay where it is while it is written.
std::unique_ptr<Response> MakeResponse(HttpResponse answer, bool is_last, bool is_head) {
  auto response = std::make_unique<Response>();
  response->version(11);
  response->result(static_cast<unsigned>(answer.status));
  response->set(http::field::content_type, answer.content_type);
  // A page of another site must not make a browser take JSON for a script, or frame it.
  response->set("X-Content-Type-Options", "nosniff");
  if (answer.status == 401) response->set(http::field::www_authenticate, "Bearer");
  response->content_length(answer.body.size());
  response->keep_alive(!is_last);
  if (!is_head) response->body() = std::move(answer.body);
  return response;
}

using Plain = beast::tcp_stream;
using Encrypted = beast::ssl_stream<beast::tcp_stream>;

// All sockets belong to one thread, which never blocks: a slow or idle connection costs its memory.
// Handlers run on a pool.
class RealHttpServer final : public HttpServer {
 public:
  RealHttpServer(const HttpOptions& options, HttpHandler handler)
      : options_(options),
        handler_(std::move(handler)),
        tls_(options.tls),
        pool_(options.threads_max) {}

  ~RealHttpServer() override {
    asio::post(io_, [this] {
      is_stopping_ = true;
      beast::error_code ignored;
      acceptor_.close(ignored);
    });
    pool_.Finish();
    // After the answers that the pool has just handed over.
    asio::post(io_, [this] { io_.stop(); });
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Listen() {
    if (auto status = CheckTlsFiles(options_.tls); !status.ok()) return status;
    beast::error_code error;
    const auto address = asio::ip::make_address(options_.ip, error);
    if (error) {
      return base::InvalidArgument(absl::StrCat("ip: ", options_.ip, " is no address"));
    }
    const tcp::endpoint endpoint(address, static_cast<uint16_t>(options_.port));
    acceptor_.open(endpoint.protocol(), error);
    // Only SO_REUSEADDR: two servers on one port must fail, not share it.
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return base::Unavailable(absl::StrCat("can't listen on ", options_.ip, ":", options_.port,
                                            " for HTTP; is it in use?"));
    }
    port_ = acceptor_.local_endpoint(error).port();
    asio::co_spawn(io_, Accept(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
    return absl::OkStatus();
  }

  int port() const override { return port_; }

 private:
  asio::awaitable<void> Accept() {
    while (!is_stopping_) {
      auto [error, socket] = co_await acceptor_.async_accept(kAwait);
      if (is_stopping_) co_return;
      if (error) {  // Most likely no more file descriptors: some will be closed.
        asio::steady_timer pause(io_, kAcceptPause);
        co_await pause.async_wait(kAwait);
        continue;
      }
      if (connections_ >= options_.connections_max) continue;  // closes it
      socket.set_option(tcp::no_delay(true), error);
      ++connections_;
      asio::co_spawn(io_, Serve(std::move(socket)), [this](const std::exception_ptr& thrown) {
        --connections_;
        if (thrown != nullptr) base::LogError("an HTTP connection ended by an exception");
      });
    }
  }

  asio::awaitable<void> Serve(tcp::socket socket) {
    std::string peer = PeerOf(socket);
    if (options_.tls.is_plain()) {
      co_await ServeRequests(Plain(std::move(socket)), std::move(peer), "");
      co_return;
    }
    const HttpTls::ContextPtr context = tls_.Current(absl::Now());
    if (context == nullptr) co_return;
    Encrypted stream(std::move(socket), *context);
    stream.next_layer().expires_after(kHandshakeMax);
    const auto [failed] = co_await stream.async_handshake(asio::ssl::stream_base::server, kAwait);
    if (failed) co_return;
    std::string name = PeerCertificateName(stream.native_handle());
    co_await ServeRequests(std::move(stream), std::move(peer), std::move(name));
  }

  template <class Stream>
  asio::awaitable<void> ServeRequests(Stream stream, std::string peer, std::string certificate) {
    beast::flat_buffer buffer;
    while (!is_stopping_) {
      auto parser = std::make_unique<Parser>();
      parser->header_limit(kHeaderSizeMax);
      parser->body_limit(static_cast<uint64_t>(options_.body_size_max));
      beast::get_lowest_layer(stream).expires_after(kReadMax);
      auto [error, header_size] = co_await http::async_read_header(stream, buffer, *parser, kAwait);
      if (!error && beast::iequals(parser->get()[http::field::expect], "100-continue")) {
        const http::response<http::empty_body> go_on(http::status::continue_, 11);
        co_await http::async_write(stream, go_on, kAwait);
      }
      if (!error) {
        beast::get_lowest_layer(stream).expires_after(kReadMax);
        std::tie(error, std::ignore) = co_await http::async_read(stream, buffer, *parser, kAwait);
      }
      if (error && !IsMalformed(error)) break;
      HttpResponse answer;
      bool is_last = error || !parser->keep_alive();
      const bool is_head = parser->get().method() == http::verb::head;
      if (error) {
        answer = PlainError(StatusOf(error), "malformed request: " + error.message());
      } else if (HasOddEncoding(parser->get())) {
        answer = PlainError(501, "the request's Transfer-Encoding is not chunked");
        is_last = true;
      } else if (parser->get()["Sec-Fetch-Site"] == "cross-site") {
        answer = PlainError(403, "a page of another site may not call this server");
      } else {
        answer = co_await Answer(Convert(parser->release(), peer, certificate));
      }
      auto response = MakeResponse(std::move(answer), is_last || is_stopping_, is_head);
      beast::get_lowest_layer(stream).expires_after(kReadMax);
      http::serializer<false, http::string_body> serializer(*response);
      serializer.split(is_head);
      const auto [failed, size] =
          is_head ? co_await http::async_write_header(stream, serializer, kAwait)
                  : co_await http::async_write(stream, serializer, kAwait);
      if (failed || !response->keep_alive()) break;
    }
    if constexpr (std::is_same_v<Stream, Encrypted>) {
      stream.next_layer().expires_after(kHandshakeMax);
      co_await stream.async_shutdown(kAwait);
    }
    beast::error_code ignored;
    beast::get_lowest_layer(stream).socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  // By the handler, on the pool; goes on here.
  asio::awaitable<HttpResponse> Answer(std::shared_ptr<const HttpRequest> request) {
    if (request == nullptr) {
      co_return PlainError(400, "malformed percent-encoding in the request's path");
    }
    auto start = [this, request](auto completion) {
      pool_.Add([this, request, completion = std::move(completion)]() mutable {
        asio::post(io_,
                   [answer = handler_(*request), completion = std::move(completion)]() mutable {
                     std::move(completion)(std::move(answer));
                   });
      });
    };
    co_return co_await asio::async_initiate<decltype(asio::use_awaitable), void(HttpResponse)>(
        std::move(start), asio::use_awaitable);
  }

  const HttpOptions options_;
  const HttpHandler handler_;
  asio::io_context io_{1};
  tcp::acceptor acceptor_{io_};
  HttpTls tls_;
  int64_t connections_ = 0;
  bool is_stopping_ = false;
  int port_ = 0;
  ThreadPool pool_;
  std::thread thread_;
};

}  // namespace

auth::Credentials CredentialsOf(const HttpRequest& request) {
  auth::Credentials credentials;
  const auto found = request.headers.find("authorization");
  if (found != request.headers.end()) credentials.authorization = found->second;
  credentials.certificate_name = request.certificate_name;
  credentials.peer = request.peer;
  return credentials;
}

bool ParseTarget(absl::string_view target, HttpRequest& request) {
  const std::vector<absl::string_view> parts = absl::StrSplit(target, absl::MaxSplits('?', 1));
  std::string decoded;
  for (const absl::string_view segment : absl::StrSplit(parts[0], '/', absl::SkipEmpty())) {
    if (!Decode(segment, false, decoded)) return false;
    request.path.push_back(decoded);
  }
  if (parts.size() < 2) return true;
  for (const absl::string_view pair : absl::StrSplit(parts[1], '&', absl::SkipEmpty())) {
    const std::vector<absl::string_view> sides = absl::StrSplit(pair, absl::MaxSplits('=', 1));
    std::string value;
    if (!Decode(sides[0], true, decoded)) return false;
    if (sides.size() > 1 && !Decode(sides[1], true, value)) return false;
    request.query.emplace_back(decoded, value);
  }
  return true;
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpOptions& options,
                                                              HttpHandler handler) {
  auto server = std::make_unique<RealHttpServer>(options, std::move(handler));
  const absl::Status listening = server->Listen();
  if (!listening.ok()) return listening;
  return server;
}

}  // namespace perdure::rpc
