#include "worker-sdk/client/payload_pipeline.h"

#include <exception>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "worker-sdk/core/convert.h"

namespace perdure::client {
namespace {

using google::protobuf::Message;
using temporal::api::failure::v1::Failure;

constexpr char kMessageKey[] = "message";
constexpr char kStackKey[] = "stack_trace";
constexpr char kHiddenMessage[] = "Encoded failure";

void LeaveFailure(Failure*) {}

absl::Status TooLarge(absl::string_view field, std::int64_t size, std::int64_t limit) {
  absl::Status status = absl::InvalidArgumentError(
      absl::StrCat(field, " has ", size, " bytes; at most ", limit, " can be sent"));
  const std::string text = absl::StrCat(field, "\n", size, "\n", limit);
  status.SetPayload(PayloadPipeline::kTooLargeUrl, absl::Cord(absl::string_view(text)));
  return status;
}

absl::Status Apply(const std::vector<std::shared_ptr<PayloadCodec>>& codecs, bool is_encoding,
                   PayloadList* list) {
  Payloads payloads;
  payloads.reserve(static_cast<std::size_t>(list->size()));
  for (auto& payload : *list) payloads.push_back(core::FromApi(std::move(payload)));
  try {
    if (is_encoding) {
      for (auto codec = codecs.rbegin(); codec != codecs.rend(); ++codec) {
        payloads = (*codec)->encode(std::move(payloads));
      }
    } else {
      for (const auto& codec : codecs) payloads = codec->decode(std::move(payloads));
    }
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("payload codec: ", error.what()));
  } catch (...) {
    return absl::InternalError("payload codec: an exception that is no std::exception");
  }
  list->Clear();
  for (Payload& payload : payloads) *list->Add() = core::ToApi(std::move(payload));
  return absl::OkStatus();
}

}  // namespace

absl::Status PayloadPipeline::Encode(Message* request) {
  if (absl::Status status = Code(request, true); !status.ok()) return status;
  return CheckLimits(request);
}

absl::Status PayloadPipeline::Decode(Message* response) { return Code(response, false); }

absl::Status PayloadPipeline::Code(Message* message, bool is_encoding) {
  if (codecs_.empty() && !encode_failures_) return absl::OkStatus();
  const auto apply = [this, is_encoding](PayloadList* list, const std::string&) {
    return codecs_.empty() ? absl::OkStatus() : Apply(codecs_, is_encoding, list);
  };
  const bool hides = is_encoding && encode_failures_;
  return visitor_.Visit(message,
                        {.on_payloads = apply,
                         .before_failure = hides ? EncodeFailureAttributes : LeaveFailure,
                         .after_failure = is_encoding ? LeaveFailure : DecodeFailureAttributes});
}

absl::Status PayloadPipeline::CheckLimits(Message* request) {
  const auto size = static_cast<std::int64_t>(request->ByteSizeLong());
  if (limits_.payload_size_max > 0 && size > limits_.payload_size_max) {
    const auto check = [this](PayloadList* list, const std::string& field) {
      std::int64_t bytes = 0;
      for (const auto& payload : *list) bytes += static_cast<std::int64_t>(payload.ByteSizeLong());
      if (bytes > limits_.payload_size_max) {
        return TooLarge(field, bytes, limits_.payload_size_max);
      }
      return absl::OkStatus();
    };
    absl::Status status = visitor_.Visit(
        request,
        {.on_payloads = check, .before_failure = LeaveFailure, .after_failure = LeaveFailure});
    if (!status.ok()) return status;
  }
  if (limits_.request_size_max > 0 && size > limits_.request_size_max) {
    return TooLarge(request->GetDescriptor()->name(), size, limits_.request_size_max);
  }
  return absl::OkStatus();
}

void EncodeFailureAttributes(Failure* failure) {
  if (failure->has_encoded_attributes()) return;
  google::protobuf::Struct attributes;
  (*attributes.mutable_fields())[kMessageKey].set_string_value(failure->message());
  (*attributes.mutable_fields())[kStackKey].set_string_value(failure->stack_trace());
  auto* payload = failure->mutable_encoded_attributes();
  (*payload->mutable_metadata())["encoding"] = "json/plain";
  if (!google::protobuf::util::MessageToJsonString(attributes, payload->mutable_data()).ok()) {
    failure->clear_encoded_attributes();  // Broken UTF-8, which the wire would not take either.
    return;
  }
  failure->set_message(kHiddenMessage);
  failure->clear_stack_trace();
}

void DecodeFailureAttributes(Failure* failure) {
  if (!failure->has_encoded_attributes()) return;
  const auto& payload = failure->encoded_attributes();
  const auto encoding = payload.metadata().find("encoding");
  if (encoding == payload.metadata().end() || encoding->second != "json/plain") return;
  google::protobuf::Struct attributes;
  if (!google::protobuf::util::JsonStringToMessage(payload.data(), &attributes).ok()) return;
  const auto text = [&attributes](const char* key) {
    const auto found = attributes.fields().find(key);
    return found == attributes.fields().end() ? std::string() : found->second.string_value();
  };
  failure->set_message(text(kMessageKey));
  failure->set_stack_trace(text(kStackKey));
  failure->clear_encoded_attributes();
}

void DecodeFailureChain(Failure* failure) {
  for (;; failure = failure->mutable_cause()) {
    DecodeFailureAttributes(failure);
    if (!failure->has_cause()) return;
  }
}

}  // namespace perdure::client
