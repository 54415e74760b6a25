// The events of one run, as the server keeps them: what a replay reads.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace perdure {

// A value.
class History {
 public:
  History() = default;
  // The bytes of temporal.api.history.v1.History.
  History(std::string workflow_id, std::string serialized)
      : workflow_id_(std::move(workflow_id)), serialized_(std::move(serialized)) {}
  // As user interfaces and the command lines download it (`temporal workflow show -o json`). Throws
  // DecodeError.
  static History from_json(std::string workflow_id, std::string_view json);

  const std::string& workflow_id() const { return workflow_id_; }
  const std::string& serialized() const { return serialized_; }
  std::string to_json() const;

 private:
  std::string workflow_id_;
  std::string serialized_;
};

}  // namespace perdure
