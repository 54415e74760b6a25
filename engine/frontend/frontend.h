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
#include "frontend/call_table.h"
#include "services/rpc_handler.h"

namespace perdure::frontend {

class Frontend : public services::RpcHandler {
 public:
  // `metrics` may be null. `dependencies` are borrowed for the frontend's life.
  Frontend(Dependencies dependencies, base::Metrics* metrics);

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
  ReplyMessage Measured(const OperationMetrics& operation, const std::string& name,
                        ReplyMessage reply);

  const Dependencies dependencies_;
  const CallTable calls_;
  base::Metrics* const metrics_;
  // By full name, for every RPC in the table; "" stands for all that are not built.
  std::map<std::string, OperationMetrics, std::less<>> operations_;
};

}  // namespace perdure::frontend
