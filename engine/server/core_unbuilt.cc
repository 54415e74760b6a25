#include "server/core.h"

#include "base/errors.h"

namespace perdure::server {
namespace {

// Until history is part of the build.
class UnimplementedCore final : public Core, public services::RpcHandler {
 public:
  services::RpcHandler& handler() override { return *this; }
  void Drain(absl::AnyInvocable<void() &&> done) override { std::move(done)(); }
  void Call(const google::protobuf::MethodDescriptor& method, services::CallContext context,
            std::unique_ptr<google::protobuf::Message> request,
            services::Reply<std::unique_ptr<google::protobuf::Message>> reply) override {
    std::move(reply)(base::Unimplemented(method.full_name() + " is not part of this build."));
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Core>> MakeCore(const ServerOptions& options, base::Metrics& metrics,
                                               rpc::Health& health) {
  return std::make_unique<UnimplementedCore>();
}

}  // namespace perdure::server
