#include "rpc/json_gateway.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "base/errors.h"
#include "rpc/payload_json.h"
#include "rpc/status.h"

namespace perdure::rpc {
namespace {

using google::protobuf::Message;

constexpr char kJson[] = "application/json";
constexpr absl::Duration kDeadlineDefault = absl::Seconds(60);

JsonStyle StyleOf(const HttpRequest& request) {
  JsonStyle style;
  for (const auto& [name, value] : request.query) {
    if (name == "pretty") style.is_pretty = true;
    if (name == "noPayloadShorthand") style.has_shorthand = false;
  }
  return style;
}

HttpResponse ErrorResponse(const absl::Status& status) {
  HttpResponse response;
  response.status = HttpStatusOf(status.code());
  response.content_type = kJson;
  auto body = ToJson(ToWireStatus(status), {.has_shorthand = false});
  // A detail of a type that this build does not know can't be written.
  response.body = body.ok() ? *std::move(body)
                            : absl::StrCat("{\"code\":", static_cast<int>(status.code()), "}");
  return response;
}

// "10S", "500m", as gRPC's timeout header.
absl::Duration TimeoutOf(const std::string& header) {
  int64_t amount = 0;
  if (header.size() < 2 || !absl::SimpleAtoi(header.substr(0, header.size() - 1), &amount) ||
      amount <= 0) {
    return kDeadlineDefault;
  }
  switch (header.back()) {
    case 'H':
      return absl::Hours(amount);
    case 'M':
      return absl::Minutes(amount);
    case 'S':
      return absl::Seconds(amount);
    case 'm':
      return absl::Milliseconds(amount);
    case 'u':
      return absl::Microseconds(amount);
    case 'n':
      return absl::Nanoseconds(amount);
    default:
      return kDeadlineDefault;
  }
}

services::CallContext ContextOf(const HttpRequest& request) {
  const auto timeout = request.headers.find("grpc-timeout");
  services::CallContext context;
  context.deadline =
      absl::Now() + TimeoutOf(timeout == request.headers.end() ? "" : timeout->second);
  return context;
}

// The body, then the query (which may set only what neither body nor path does), then the path.
absl::Status Fill(const HttpRequest& http, const HttpRoutes::Match& match, Message& message) {
  if (match.body == "*" && !http.body.empty()) {
    if (auto status = FromJson(http.body, message); !status.ok()) return status;
  } else if (!match.body.empty() && !http.body.empty()) {
    const auto* field = message.GetDescriptor()->FindFieldByName(match.body);
    if (field == nullptr || field->message_type() == nullptr || field->is_repeated()) {
      return base::Internal("the route names a body that is no message");
    }
    Message* part = message.GetReflection()->MutableMessage(&message, field);
    if (auto status = FromJson(http.body, *part); !status.ok()) return status;
  }
  if (match.body != "*") {
    for (const auto& [name, value] : http.query) {
      const auto status = SetField(name, value, message);
      // Unknown parameters are ignored, as gateways do.
      if (!status.ok() && status.code() != absl::StatusCode::kNotFound) return status;
    }
  }
  for (const auto& [path, value] : match.variables) {
    if (auto status = SetField(path, value, message); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

int HttpStatusOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kCancelled:
      return 499;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
      return 409;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    default:
      return 500;
  }
}

JsonGateway::JsonGateway(services::RpcHandler& handler, const Health& health, const Guard& guard,
                         RpcObserver* observer)
    : methods_(PublicServices()),
      routes_(methods_),
      dispatcher_(handler, health, guard, observer) {}

HttpResponse JsonGateway::Answer(const HttpRequest& request) const {
  auto response = Call(request);
  return response.ok() ? *std::move(response) : ErrorResponse(response.status());
}

absl::StatusOr<HttpResponse> JsonGateway::Call(const HttpRequest& request) const {
  HttpRoutes::Match match;
  switch (routes_.Find(request.method, request.path, match)) {
    case HttpRoutes::Outcome::kFound:
      break;
    case HttpRoutes::Outcome::kNoPath:
      return absl::NotFoundError("Not Found");
    case HttpRoutes::Outcome::kOtherVerb:
      return absl::UnimplementedError("Method Not Allowed");
  }
  auto caller = dispatcher_.Identify(*match.method, CredentialsOf(request));
  if (!caller.ok()) return caller.status();
  auto message = match.method->NewRequest();
  if (auto status = Fill(request, match, *message); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<Message>> result = base::Internal("not answered");
  absl::Notification answered;
  dispatcher_.Call(*match.method, ContextOf(request), *caller, std::move(message),
                   [&](absl::StatusOr<std::unique_ptr<Message>> reply) {
                     result = std::move(reply);
                     answered.Notify();
                   });
  answered.WaitForNotification();
  if (!result.ok()) return result.status();
  auto body = ToJson(**result, StyleOf(request));
  if (!body.ok()) return body.status();
  HttpResponse response;
  response.content_type = kJson;
  response.body = *std::move(body);
  return response;
}

}  // namespace perdure::rpc
