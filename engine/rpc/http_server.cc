#include "rpc/http_server.h"

#include <algorithm>
#include <cctype>
#include <deque>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "base/errors.h"
#include "httplib.h"

namespace perdure::rpc {
namespace {

// httplib's threads, started when there is work for them: an idle server has one.
class GrowingPool final : public httplib::TaskQueue {
 public:
  explicit GrowingPool(int threads_max) : threads_max_(threads_max) {}

  void enqueue(std::function<void()> task) override {
    absl::MutexLock lock(&mutex_);
    tasks_.push_back(std::move(task));
    const bool is_short = idle_ < static_cast<int64_t>(tasks_.size());
    if (is_short && static_cast<int>(threads_.size()) < threads_max_) {
      threads_.emplace_back([this] { Run(); });
    }
  }

  void shutdown() override {
    std::vector<std::thread> threads;
    {
      absl::MutexLock lock(&mutex_);
      is_stopping_ = true;
      threads.swap(threads_);
    }
    for (auto& thread : threads) thread.join();
  }

 private:
  bool HasWork() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return is_stopping_ || !tasks_.empty();
  }

  void Run() {
    while (true) {
      std::function<void()> task;
      {
        absl::MutexLock lock(&mutex_);
        ++idle_;
        mutex_.Await(absl::Condition(this, &GrowingPool::HasWork));
        --idle_;
        if (tasks_.empty()) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      task();
    }
  }

  const int threads_max_;
  absl::Mutex mutex_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  int64_t idle_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

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

class RealHttpServer final : public HttpServer {
 public:
  explicit RealHttpServer(HttpHandler handler) : handler_(std::move(handler)) {}
  ~RealHttpServer() override {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Listen(const HttpOptions& options) {
    server_.new_task_queue = [threads_max = options.threads_max]() -> httplib::TaskQueue* {
      return std::make_unique<GrowingPool>(threads_max).release();  // httplib deletes it.
    };
    server_.set_payload_max_length(static_cast<size_t>(options.body_size_max));
    server_.set_keep_alive_max_count(1'000'000);
    server_.set_tcp_nodelay(true);
    // Only SO_REUSEADDR: two servers on one port must fail, not share it.
    server_.set_socket_options([](socket_t socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    });
    server_.set_pre_routing_handler(
        [this](const httplib::Request& request, httplib::Response& response) {
          // Bodies are read only after routing, so requests with one go on to the catch-all routes.
          const bool has_body = request.method == "POST" || request.method == "PUT" ||
                                request.method == "PATCH" || request.method == "DELETE";
          if (has_body) return httplib::Server::HandlerResponse::Unhandled;
          Answer(request, response);
          return httplib::Server::HandlerResponse::Handled;
        });
    const auto answer = [this](const httplib::Request& request, httplib::Response& response) {
      Answer(request, response);
    };
    server_.Post(".*", answer).Put(".*", answer).Patch(".*", answer).Delete(".*", answer);
    port_ = options.port;
    const bool is_bound = port_ == 0 ? (port_ = server_.bind_to_any_port(options.ip)) > 0
                                     : server_.bind_to_port(options.ip, port_);
    if (!is_bound) {
      return base::Unavailable(absl::StrCat("can't listen on ", options.ip, ":", options.port,
                                            " for HTTP; is it in use?"));
    }
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    // A server that is not yet running would not hear stop().
    while (!server_.is_running()) std::this_thread::yield();
    return absl::OkStatus();
  }

  int port() const override { return port_; }

 private:
  void Answer(const httplib::Request& raw, httplib::Response& response) const {
    HttpRequest request;
    request.method = raw.method;
    request.body = raw.body;
    for (const auto& [name, value] : raw.headers) {
      request.headers.emplace(absl::AsciiStrToLower(name), value);
    }
    if (!ParseTarget(raw.target, request)) {
      response.status = 400;
      response.set_content("malformed percent-encoding in the request's path\n", "text/plain");
      return;
    }
    HttpResponse answer = handler_(request);
    response.status = answer.status;
    response.set_content(std::move(answer.body), answer.content_type);
  }

  const HttpHandler handler_;
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace

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
  auto server = std::make_unique<RealHttpServer>(std::move(handler));
  const absl::Status listening = server->Listen(options);
  if (!listening.ok()) return listening;
  return server;
}

}  // namespace perdure::rpc
