#include "worker-sdk/client/context_propagation.h"

#include <string>
#include <utility>

#include "perdure/schedule.h"

namespace perdure::client {
namespace {

class Propagation final : public ClientInterceptor {
 public:
  explicit Propagation(std::vector<std::shared_ptr<ContextPropagator>> propagators)
      : propagators_(std::move(propagators)) {}

  StartOutput start_workflow(StartInput& input, ClientCalls& next) override {
    Add(&input.headers);
    return next.start_workflow(input);
  }
  StartOutput signal_with_start(SignalWithStartInput& input, ClientCalls& next) override {
    Add(&input.start.headers);
    return next.signal_with_start(input);
  }
  UpdateWithStartOutput update_with_start(UpdateWithStartInput& input, ClientCalls& next) override {
    Add(&input.start.headers);
    Add(&input.update.headers);
    return next.update_with_start(input);
  }
  void signal_workflow(SignalInput& input, ClientCalls& next) override {
    Add(&input.headers);
    next.signal_workflow(input);
  }
  Payloads query_workflow(QueryInput& input, ClientCalls& next) override {
    Add(&input.headers);
    return next.query_workflow(input);
  }
  UpdateOutput start_update(UpdateInput& input, ClientCalls& next) override {
    Add(&input.headers);
    return next.start_update(input);
  }
  void create_schedule(CreateScheduleInput& input, ClientCalls& next) override {
    Add(&input.schedule.action.headers);
    next.create_schedule(input);
  }

 private:
  // What the call was given stays.
  void Add(PayloadMap* headers) const {
    for (const auto& one : propagators_) {
      if (auto value = one->serialize()) {
        headers->try_emplace(std::string(one->name()), *std::move(value));
      }
    }
  }
  const std::vector<std::shared_ptr<ContextPropagator>> propagators_;  // Shared with workers.
};

}  // namespace

std::vector<std::shared_ptr<ClientInterceptor>> WithPropagation(
    std::vector<std::shared_ptr<ClientInterceptor>> interceptors,
    std::vector<std::shared_ptr<ContextPropagator>> propagators) {
  if (!propagators.empty()) {
    interceptors.insert(interceptors.begin(),
                        std::make_shared<Propagation>(std::move(propagators)));
  }
  return interceptors;
}

}  // namespace perdure::client
