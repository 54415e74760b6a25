// The door of a server: what its transports ask before a call goes on, and what they tell of it.
//
// Made by the server and handed to every transport, so that a call meets the same rules whichever
// way it comes. A server without credentials has an open guard.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "auth/audit_log.h"
#include "auth/authenticator.h"
#include "base/metrics.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace perdure::rpc {

// Thread-safe. Borrows all that it is made with.
class Guard {
 public:
  struct Parts {
    auth::Authenticator* authenticator = nullptr;  // null: everybody may do everything
    auth::AuditLog* audit_log = nullptr;           // null: none is kept
    base::Metrics* metrics = nullptr;              // may be null
  };
  Guard() = default;
  explicit Guard(Parts parts) : parts_(parts) {}

  // False if a transport need not look for credentials at all.
  bool is_needed() const { return parts_.authenticator != nullptr || parts_.audit_log != nullptr; }

  // Who calls. Null on a server without credentials.
  absl::StatusOr<auth::Authenticator::PrincipalPtr> Identify(
      const auth::Credentials& credentials) const;

  // Whether he may. `principal` is Identify's.
  absl::Status Authorize(const auth::Principal* principal,
                         const google::protobuf::MethodDescriptor& method,
                         absl::string_view name_space,
                         const google::protobuf::Message& request) const;

  // Whether a call of this method is told to the audit log, by Record when it has its answer.
  bool IsRecorded(const google::protobuf::MethodDescriptor& method) const;
  void Record(const auth::AuditRecord& record, absl::StatusCode code) const;

 private:
  Parts parts_;
};

}  // namespace perdure::rpc
