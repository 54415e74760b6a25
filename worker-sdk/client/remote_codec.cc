#include "perdure/remote_codec.h"

#include <httplib.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "perdure/client_errors.h"

namespace perdure {
namespace {

using nlohmann::json;

std::string ToBase64(const std::string& bytes) { return absl::Base64Escape(bytes); }
std::string FromBase64(const std::string& text) {
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes)) throw Error("a value that is no base64");
  return bytes;
}

json ToJson(const Payloads& payloads) {
  json list = json::array();
  for (const Payload& one : payloads) {
    json metadata = json::object();
    metadata["encoding"] = ToBase64(one.encoding);
    for (const auto& [key, value] : one.metadata) metadata[key] = ToBase64(value);
    list.push_back({{"metadata", std::move(metadata)}, {"data", ToBase64(one.data)}});
  }
  return {{"payloads", std::move(list)}};
}

Payloads FromJson(const json& body) {
  Payloads payloads;
  for (const json& one : body.at("payloads")) {
    Payload& payload = payloads.emplace_back();
    // An object of nlohmann's is ordered by its keys, as a payload's metadata is.
    const json metadata = one.value("metadata", json::object());
    for (const auto& [key, value] : metadata.items()) {
      std::string bytes = FromBase64(value.get<std::string>());
      if (key == "encoding") {
        payload.encoding = std::move(bytes);
      } else {
        payload.metadata.emplace_back(key, std::move(bytes));
      }
    }
    payload.data = FromBase64(one.value("data", std::string()));
  }
  return payloads;
}

}  // namespace

RemoteCodec::RemoteCodec(RemoteCodecOptions options) : options_(std::move(options)) {
  const std::string endpoint =
      absl::StrReplaceAll(options_.endpoint, {{"{namespace}", options_.namespace_}});
  const std::size_t scheme = endpoint.find("://");
  const std::string name = endpoint.substr(0, scheme);
  if (scheme == endpoint.npos || (name != "http" && name != "https")) {
    throw ConfigError(
        absl::StrCat("the codec's endpoint is no http:// or https:// address: ", endpoint));
  }
  const std::size_t slash = endpoint.find('/', scheme + 3);
  host_ = endpoint.substr(0, slash);
  if (slash != endpoint.npos) path_ = endpoint.substr(slash);
  while (!path_.empty() && path_.back() == '/') path_.pop_back();
}

std::shared_ptr<PayloadCodec> RemoteCodec::of(const ClientOptions& options) {
  if (options.codec_endpoint.empty()) return nullptr;
  return std::make_shared<RemoteCodec>(RemoteCodecOptions{.endpoint = options.codec_endpoint,
                                                          .auth = options.codec_auth,
                                                          .namespace_ = options.namespace_});
}

Payloads RemoteCodec::encode(Payloads payloads) { return ask("/encode", payloads); }
Payloads RemoteCodec::decode(Payloads payloads) { return ask("/decode", payloads); }

Payloads RemoteCodec::ask(const char* what, const Payloads& payloads) const {
  if (payloads.empty()) return {};
  httplib::Client http(host_);
  http.set_connection_timeout(options_.timeout);
  http.set_read_timeout(options_.timeout);
  http.set_write_timeout(options_.timeout);
  httplib::Headers headers = {{"X-Namespace", options_.namespace_}};
  if (!options_.auth.empty()) headers.emplace("Authorization", options_.auth);
  const std::string where = absl::StrCat("the codec server at ", host_, path_, what);
  const httplib::Result answer =
      http.Post(path_ + what, headers, ToJson(payloads).dump(), "application/json");
  if (!answer) {
    throw Error(absl::StrCat(where, " does not answer: ", httplib::to_string(answer.error())));
  }
  if (answer->status != 200) throw Error(absl::StrCat(where, " answered ", answer->status));
  Payloads result;
  try {
    result = FromJson(json::parse(answer->body));
  } catch (const std::exception& error) {
    throw Error(absl::StrCat(where, " answered what cannot be read: ", error.what()));
  }
  if (result.size() != payloads.size()) {
    throw Error(
        absl::StrCat(where, " answered ", result.size(), " payloads for ", payloads.size()));
  }
  return result;
}

}  // namespace perdure
