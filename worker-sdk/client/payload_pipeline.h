// What happens to payloads between this process and the server, in one place for client and worker:
// codecs, and the hiding of failures' texts. Also what is too large to be sent.
//
// Thread-safe. Owned by the connection.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "perdure/payload_codec.h"
#include "temporal/api/failure/v1/message.pb.h"
#include "worker-sdk/client/payload_visitor.h"

namespace perdure::client {

struct PayloadLimits {
  std::int64_t payload_size_max = std::int64_t{2} << 20;  // Of a list of arguments. 0: none.
  std::int64_t request_size_max = std::int64_t{4} << 20;  // Of a whole request.
};

class PayloadPipeline {
 public:
  PayloadPipeline(std::vector<std::shared_ptr<PayloadCodec>> codecs, bool encode_failures,
                  PayloadLimits limits = {})
      : codecs_(std::move(codecs)), encode_failures_(encode_failures), limits_(limits) {}

  // A request on its way out. INVALID_ARGUMENT with the payload kTooLargeUrl where it is too large;
  // INTERNAL where a codec threw. Walks the message only where there is a codec or much data.
  absl::Status Encode(google::protobuf::Message* request);
  // An answer, once.
  absl::Status Decode(google::protobuf::Message* response);

  // "<field>\n<size>\n<limit>": the payload of the Status for what is too large.
  static constexpr char kTooLargeUrl[] = "perdure/too-large";

 private:
  absl::Status Code(google::protobuf::Message* message, bool is_encoding);
  absl::Status CheckLimits(google::protobuf::Message* request);

  const std::vector<std::shared_ptr<PayloadCodec>> codecs_;
  const bool encode_failures_;
  const PayloadLimits limits_;
  PayloadVisitor visitor_;
};

// A failure's message and stack trace as its encoded_attributes, and back; its cause is left alone.
// Decoding is for whatever another SDK may have sent, too.
void EncodeFailureAttributes(temporal::api::failure::v1::Failure* failure);
void DecodeFailureAttributes(temporal::api::failure::v1::Failure* failure);
// The whole chain of causes.
void DecodeFailureChain(temporal::api::failure::v1::Failure* failure);

}  // namespace perdure::client
