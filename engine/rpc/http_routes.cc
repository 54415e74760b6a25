#include "rpc/http_routes.h"

#include "absl/strings/str_split.h"
#include "google/api/annotations.pb.h"

namespace perdure::rpc {
namespace {

std::pair<std::string, std::string> VerbAndPattern(const google::api::HttpRule& rule) {
  switch (rule.pattern_case()) {
    case google::api::HttpRule::kGet:
      return {"GET", rule.get()};
    case google::api::HttpRule::kPut:
      return {"PUT", rule.put()};
    case google::api::HttpRule::kPost:
      return {"POST", rule.post()};
    case google::api::HttpRule::kDelete:
      return {"DELETE", rule.delete_()};
    case google::api::HttpRule::kPatch:
      return {"PATCH", rule.patch()};
    case google::api::HttpRule::kCustom:
      return {rule.custom().kind(), rule.custom().path()};
    case google::api::HttpRule::PATTERN_NOT_SET:
      break;
  }
  return {};
}

}  // namespace

HttpRoutes::HttpRoutes(const MethodTable& methods) {
  for (const Method& method : methods.methods()) {
    const auto& options = method.descriptor->options();
    if (!options.HasExtension(google::api::http)) continue;
    const google::api::HttpRule& rule = options.GetExtension(google::api::http);
    const auto [verb, pattern] = VerbAndPattern(rule);
    Add(method, verb, pattern, rule.body());
    for (const auto& other : rule.additional_bindings()) {
      const auto [other_verb, other_pattern] = VerbAndPattern(other);
      Add(method, other_verb, other_pattern, other.body());
    }
  }
}

void HttpRoutes::Add(const Method& method, const std::string& verb, const std::string& pattern,
                     const std::string& body) {
  if (verb.empty()) return;
  Route route;
  route.verb = verb;
  route.body = body;
  route.method = &method;
  for (const absl::string_view part : absl::StrSplit(pattern, '/', absl::SkipEmpty())) {
    Segment segment;
    segment.is_variable = part.front() == '{' && part.back() == '}';
    segment.text = std::string(segment.is_variable ? part.substr(1, part.size() - 2) : part);
    if (!segment.is_variable) ++route.fixed_count;
    route.segments.push_back(std::move(segment));
  }
  routes_.push_back(std::move(route));
}

bool HttpRoutes::Fits(const Route& route, const std::vector<std::string>& path) {
  if (route.segments.size() != path.size()) return false;
  for (size_t i = 0; i < path.size(); ++i) {
    const Segment& segment = route.segments[i];
    if (segment.is_variable ? path[i].empty() : segment.text != path[i]) return false;
  }
  return true;
}

HttpRoutes::Outcome HttpRoutes::Find(const std::string& verb, const std::vector<std::string>& path,
                                     Match& match) const {
  const Route* best = nullptr;
  bool is_path_known = false;
  for (const Route& route : routes_) {
    if (!Fits(route, path)) continue;
    is_path_known = true;
    if (route.verb != verb) continue;
    if (best == nullptr || route.fixed_count > best->fixed_count) best = &route;
  }
  if (best == nullptr) return is_path_known ? Outcome::kOtherVerb : Outcome::kNoPath;
  match.method = best->method;
  match.body = best->body;
  match.variables.clear();
  for (size_t i = 0; i < path.size(); ++i) {
    if (best->segments[i].is_variable)
      match.variables.emplace_back(best->segments[i].text, path[i]);
  }
  return Outcome::kFound;
}

}  // namespace perdure::rpc
