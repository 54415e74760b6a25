// What a worker can run, by name. Filled before the worker starts, then read by its loops without a
// lock.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_join.h"
#include "perdure/activity.h"
#include "perdure/detail/program.h"

namespace perdure::worker {

template <class Definition>
class Registry {
 public:
  // False: the name (or the place of the dynamic one, for an empty name) is taken.
  bool Add(Definition definition) {
    std::string type = definition.type;
    return entries_.emplace(std::move(type), std::move(definition)).second;
  }
  // The dynamic one where there is no other; null where there is neither.
  const Definition* Find(std::string_view type) const {
    auto found = entries_.find(type);
    if (found == entries_.end()) found = entries_.find(std::string_view());
    return found == entries_.end() ? nullptr : &found->second;
  }
  bool empty() const { return entries_.empty(); }
  std::string Names() const {
    return absl::StrJoin(entries_, ", ", [](std::string* out, const auto& entry) {
      out->append(entry.first.empty() ? "(dynamic)" : entry.first);
    });
  }

 private:
  std::map<std::string, Definition, std::less<>> entries_;
};

using ActivityRegistry = Registry<detail::ActivityDefinition>;
using WorkflowRegistry = Registry<detail::WorkflowDefinition>;

}  // namespace perdure::worker
