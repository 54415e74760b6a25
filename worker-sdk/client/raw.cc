#include "perdure/raw.h"

#include "worker-sdk/client/connection.h"
#include "worker-sdk/client/rpc_error.h"
#include "worker-sdk/client/server_calls.h"

namespace perdure {

RawClient Client::raw() const { return RawClient(calls_); }

void RawClient::send(std::string path, google::protobuf::Message* request,
                     google::protobuf::Message* response) const {
  RawCallInput input;
  input.path = std::move(path);
  input.request = request;
  input.response = response;
  input.is_long_poll = is_long_poll_;
  calls_->call_raw(input);
}

void client::ServerCalls::call_raw(RawCallInput& input) {
  ThrowUnlessOk(Send(input.is_long_poll ? CallKind::kLongPoll : CallKind::kUnary, input.path,
                     input.request, input.response));
}

}  // namespace perdure
