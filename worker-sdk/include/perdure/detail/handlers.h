// A workflow class without its type: a table of what it handles.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "perdure/detail/program.h"
#include "perdure/task.h"

namespace perdure::detail {

enum class HandlerKind : std::uint8_t {
  entry,
  signal,
  query,
  update,
  dynamic_signal,
  dynamic_query,
  dynamic_update
};

struct Handler {
  HandlerKind kind = HandlerKind::entry;
  std::string_view name{};
  std::string_view description{};
  // Still running when the workflow ends: warned of, unless it is meant to be abandoned.
  bool abandons_unfinished = false;
  // What the functions below are called on; null: the workflow's object.
  void* object = nullptr;
  // Of entry, signals and updates; the dynamic ones take the name as well. The object outlives the
  // task.
  task<Payloads> (*run)(void* object, std::string name, Payloads input) = nullptr;
  Payloads (*query)(const void* object, std::string_view name, const Payloads& input) = nullptr;
  void (*validate)(const void* object, std::string_view name, const Payloads& input) = nullptr;
};

struct HandlerTable {
  std::string_view type;
  VersioningBehavior versioning_behavior = VersioningBehavior::unspecified;
  std::span<const Handler> handlers;
  // Makes the object in `memory`; its constructor may take the entry's input.
  void (*construct)(void* memory, const Payloads& input) = nullptr;
  void (*destroy)(void* object) = nullptr;
  std::size_t object_size = 0;
};

std::unique_ptr<Program> MakeProgram(const HandlerTable& table, const ProgramOptions& options);

// How workflow::continue_as_new leaves the code. Not an std::exception, so that `catch (const
// std::exception&)` around the workflow's work does not stop it.
struct ContinueAsNewRequest {
  ContinueAsNewCommand command;
};

}  // namespace perdure::detail
