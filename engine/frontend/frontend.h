// The public API: every RPC validated for form, its namespace resolved, then answered here or
// passed to history or matching. Keeps no state of its own but the table of RPCs.
//
// Thread-safe. Calls are checked on the caller's thread; replies come on whichever thread the
// answer was made.
//
//   NamespaceRegistry namespaces(store, loop, settings, seed);
//   namespaces.Start({.names = {"default"}}, [&](absl::Status loaded) { … });
//   Frontend frontend({.namespaces = namespaces, …}, &metrics);
//   server.Serve(frontend);
#pragma once

#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "base/metrics.h"
#include "frontend/admission.h"
#include "frontend/call_table.h"
#include "frontend/fair_share.h"
#include "services/rpc_handler.h"

namespace perdure::frontend {

class Frontend : public services::RpcHandler {
 public:
  // `metrics` may be null. `dependencies` are borrowed for the frontend's life. `shared_requests`
  // is FairShare's, for when the setting leaves it to the machine.
  Frontend(Dependencies dependencies, base::Metrics* metrics, int64_t shared_requests = 8);

  void Call(const google::protobuf::MethodDescriptor& method, services::CallContext context,
            std::unique_ptr<google::protobuf::Message> request,
            services::Reply<std::unique_ptr<google::protobuf::Message>> reply) override;

  // True if the method is built; everything else answers UNIMPLEMENTED.
  bool Handles(absl::string_view full_name) const { return calls_.Find(full_name) != nullptr; }

 private:
  // What is known of an RPC ahead of its calls.
  struct Operation {
    const CallTable::Handler* handler = nullptr;                         // null: not built
    const google::protobuf::FieldDescriptor* namespace_field = nullptr;  // null if it has none
    base::Counter* requests = nullptr;  // null, as the next, if nothing is measured
    base::Histogram* latency = nullptr;
  };
  Operation MakeOperation(const google::protobuf::MethodDescriptor* method) const;
  const Operation& OperationOf(const google::protobuf::MethodDescriptor& method) const;
  // Null if the request names none, or one that is unknown.
  services::NamespacePtr NamespaceOf(const Operation& operation,
                                     const google::protobuf::Message& request) const;
  // Not OK if the namespace may not have this request now. The reply of one that `waits` is
  // wrapped, so that its end is noted.
  absl::Status Admit(const google::protobuf::MethodDescriptor& method,
                     const services::NamespacePtr& name_space,
                     const google::protobuf::Message& request, bool waits, ReplyMessage& reply);
  // Calls the handler when it is the namespace's turn.
  void CallInTurn(base::NamespaceNumber name_space, const CallTable::Handler& handler,
                  services::CallContext context, std::unique_ptr<google::protobuf::Message> request,
                  ReplyMessage reply);
  void EndTurn(base::NamespaceNumber name_space);
  // `name_space` is null if the request named none that there is.
  void CountError(const std::string& name, const services::Namespace* name_space,
                  const absl::Status& status);
  ReplyMessage Measured(const Operation& operation,
                        const google::protobuf::MethodDescriptor& method,
                        services::NamespacePtr name_space, ReplyMessage reply);

  const Dependencies dependencies_;
  const CallTable calls_;
  base::Metrics* const metrics_;
  Admission admission_;
  FairShare fair_share_;
  absl::flat_hash_map<const google::protobuf::MethodDescriptor*, Operation> operations_;
  // All that are not built.
  Operation unsupported_;
};

}  // namespace perdure::frontend
