#include "perdure/raw.h"

#include "worker-sdk/client/connection.h"
#include "worker-sdk/client/rpc_error.h"

namespace perdure {

RawClient Client::raw() const { return RawClient(connection_); }

void RawClient::send(const std::string& path, google::protobuf::Message* request,
                     google::protobuf::Message* response) const {
  client::ThrowUnlessOk(
      connection_->Call(is_long_poll_ ? client::CallKind::kLongPoll : client::CallKind::kUnary,
                        path, request, response));
}

}  // namespace perdure
