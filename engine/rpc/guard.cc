#include "rpc/guard.h"

#include "absl/time/clock.h"
#include "auth/access.h"

namespace perdure::rpc {

absl::StatusOr<auth::Authenticator::PrincipalPtr> Guard::Identify(
    const auth::Credentials& credentials) const {
  if (parts_.authenticator == nullptr) return nullptr;
  return parts_.authenticator->Authenticate(credentials, absl::Now());
}

absl::Status Guard::Authorize(const auth::Principal* principal,
                              const google::protobuf::MethodDescriptor& method,
                              absl::string_view name_space,
                              const google::protobuf::Message& request) const {
  if (parts_.authenticator == nullptr) return absl::OkStatus();
  if (principal == nullptr) return absl::UnauthenticatedError("Nobody has been identified.");
  absl::Status status = auth::Authorize(*principal, method, name_space, request);
  if (!status.ok() && parts_.metrics != nullptr) {
    parts_.metrics
        ->CounterOf("authorization_failures", "Calls refused for want of a role.",
                    {{"operation", method.name()}})
        .Add();
  }
  return status;
}

bool Guard::IsRecorded(const google::protobuf::MethodDescriptor& method) const {
  if (parts_.audit_log == nullptr) return false;
  const auth::Access* access = auth::FindAccess(method.name());
  return access != nullptr && access->effect == auth::Effect::kChange;
}

void Guard::Record(const auth::AuditRecord& record, absl::StatusCode code) const {
  parts_.audit_log->Write(record, code, absl::Now());
}

}  // namespace perdure::rpc
