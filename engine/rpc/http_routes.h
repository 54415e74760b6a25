// Which method an HTTP request means, from the google.api.http options of the service descriptors.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "rpc/method_table.h"

namespace perdure::rpc {

// Value, immutable after it is made; borrows the methods.
class HttpRoutes {
 public:
  // Every binding of every method, additional ones too.
  explicit HttpRoutes(const MethodTable& methods);

  struct Match {
    const Method* method = nullptr;
    std::string body;  // "*", a field's name, or empty: the request has no body
    // Field path ("execution.workflow_id") and value.
    std::vector<std::pair<std::string, std::string>> variables;
  };
  enum class Outcome { kFound, kNoPath, kOtherVerb };
  // Where several fit, the one with the most fixed segments.
  Outcome Find(const std::string& verb, const std::vector<std::string>& path, Match& match) const;

 private:
  struct Segment {
    bool is_variable = false;
    std::string text;  // the fixed text, or the variable's field path
  };
  struct Route {
    std::string verb;
    std::vector<Segment> segments;
    std::string body;
    const Method* method = nullptr;
    int fixed_count = 0;
  };
  void Add(const Method& method, const std::string& verb, const std::string& pattern,
           const std::string& body);
  static bool Fits(const Route& route, const std::vector<std::string>& path);

  std::vector<Route> routes_;
};

}  // namespace perdure::rpc
