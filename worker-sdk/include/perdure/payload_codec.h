// Changes payloads on their way between this process and the server: encryption, compression.
//
// A codec is applied to every payload that leaves (inputs, results, details, memo, the attributes
// of failures where ClientOptions::encode_failure_attributes is set), except search attributes,
// which the server reads, and headers, which interceptors own. Given in ClientOptions::codecs; used
// by the client and its workers.
#pragma once

#include "perdure/payload.h"

namespace perdure {

// Thread-safe: calls come from several threads at once. May throw; the call or task that needed it
// then fails.
class PayloadCodec {
 public:
  virtual ~PayloadCodec() = default;
  // As many payloads as were given, in their order, where they are not one list of arguments: a
  // memo's or a failure's come one by one.
  virtual Payloads encode(Payloads payloads) = 0;
  // Gets what encode made, and also payloads that it never saw, which it passes on unchanged.
  virtual Payloads decode(Payloads payloads) = 0;
};

}  // namespace perdure
