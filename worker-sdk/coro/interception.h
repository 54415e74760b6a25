// The interceptors of one run, in their order, with the run itself behind the last. Loop-bound;
// lives as long as the Instance that owns it, whose frames may be inside of them.
#pragma once

#include <memory>
#include <vector>

#include "perdure/interceptor.h"

namespace perdure::detail {

class Instance;

class Interception {
 public:
  using Interceptors = std::vector<std::unique_ptr<WorkflowInterceptor>>;
  Interception(Instance* run, Interceptors all);
  Interception(const Interception&) = delete;

  // What the first one sees.
  WorkflowInbound& inbound() { return links_.front(); }
  template <class Input>
  void Outgoing(void (WorkflowInterceptor::*what)(Input&), Input& input) {
    for (const auto& one : all_) ((*one).*what)(input);
  }

 private:
  class Link final : public WorkflowInbound {
   public:
    // With a null interceptor it is the end.
    Link(Instance* run, WorkflowInterceptor* interceptor) : run_(run), interceptor_(interceptor) {}
    task<Payloads> execute_workflow(ExecuteWorkflowInput input) override;
    task<void> handle_signal(HandleSignalInput input) override;
    Payloads handle_query(HandleQueryInput input) override;
    void validate_update(HandleUpdateInput input) override;
    task<Payloads> handle_update(HandleUpdateInput input) override;

   private:
    // They stand in one vector.
    Link& behind() { return *(this + 1); }
    Instance* run_;
    WorkflowInterceptor* interceptor_;
  };

  const Interceptors all_;
  std::vector<Link> links_;
};

// Null where nobody intercepts this run.
std::unique_ptr<Interception> Intercept(
    Instance* run, const std::vector<std::shared_ptr<WorkerInterceptor>>& interceptors);

}  // namespace perdure::detail
