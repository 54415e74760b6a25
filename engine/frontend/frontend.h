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

#include <map>
#include <memory>
#include <string>

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
  struct OperationMetrics {
    base::Counter* requests;
    base::Histogram* latency;
  };
  // Null if nothing is measured.
  const OperationMetrics* MetricsOf(const std::string& full_name) const;
  // The namespace that the request names, null if none or unknown; not OK if it may not have this
  // request now. A long poll's reply is wrapped, so that its end is noted.
  absl::StatusOr<services::NamespacePtr> Admit(const google::protobuf::MethodDescriptor& method,
                                               const google::protobuf::Message& request,
                                               ReplyMessage& reply);
  // Calls the handler when it is the namespace's turn.
  void CallInTurn(base::NamespaceNumber name_space, const CallTable::Handler& handler,
                  services::CallContext context, std::unique_ptr<google::protobuf::Message> request,
                  ReplyMessage reply);
  void EndTurn(base::NamespaceNumber name_space);
  void CountError(const std::string& name, const std::string& name_space,
                  const absl::Status& status);
  ReplyMessage Measured(const OperationMetrics& operation, const std::string& name,
                        std::string name_space, ReplyMessage reply);

  const Dependencies dependencies_;
  const CallTable calls_;
  base::Metrics* const metrics_;
  Admission admission_;
  FairShare fair_share_;
  // By full name, for every RPC in the table; "" stands for all that are not built.
  std::map<std::string, OperationMetrics, std::less<>> operations_;
};

}  // namespace perdure::frontend
