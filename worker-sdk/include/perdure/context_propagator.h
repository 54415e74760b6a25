// Values that travel along: from a client's thread with the workflows, signals, queries and updates
// that it sends, through workflow code, to the activities, children and signals that this starts.
//
//   struct TenantPropagator : perdure::ContextPropagator {
//     std::string_view name() const override { return "tenant"; }
//     std::optional<perdure::Payload> serialize() override {
//       if (current_tenant.empty()) return std::nullopt;            // a thread_local of the
//       program return perdure::encode(current_tenant);
//     }
//     void restore(const perdure::Payload* value) override {
//       current_tenant = value ? perdure::decode<std::string>(*value) : "";
//     }
//   };
//
// Set in ClientOptions and in WorkerOptions. Workflow code reads the value with
// workflow::propagated<std::string>("tenant") and changes it with workflow::propagate; a handler
// has the values of its own signal or update, and else the workflow's.
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "perdure/codec.h"
#include "perdure/payload.h"

namespace perdure {

// Thread-safe; shared by clients and workers.
class ContextPropagator {
 public:
  virtual ~ContextPropagator() = default;
  // Of the header that carries it.
  virtual std::string_view name() const = 0;
  // What is current on the calling thread, which calls a client; nothing: no header.
  virtual std::optional<Payload> serialize() = 0;
  // Makes it current on the calling thread, which begins to run an activity, or goes on with one
  // that is a coroutine; with null, when it stops doing so, and where nothing was sent. What this
  // throws is logged, and the activity runs without the value.
  virtual void restore(const Payload* value) = 0;
};

namespace workflow {

// What travels along with what is started here: in the main function, or in the handler that runs.
// Null where there is none; good until it is changed.
const Payload* propagated_payload(std::string_view name);
// From now on another value goes along, or none.
void propagate_payload(std::string_view name, Payload value);
void stop_propagating(std::string_view name);
template <class T>
std::optional<T> propagated(std::string_view name) {
  const Payload* value = propagated_payload(name);
  if (value == nullptr) return std::nullopt;
  return perdure::decode<T>(*value);
}
template <class T>
void propagate(std::string_view name, const T& value) {
  propagate_payload(name, perdure::encode(value));
}

}  // namespace workflow
}  // namespace perdure
