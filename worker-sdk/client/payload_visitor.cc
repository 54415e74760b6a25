#include "worker-sdk/client/payload_visitor.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/any.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace perdure::client {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;
using temporal::api::common::v1::Payload;
using temporal::api::common::v1::Payloads;
using temporal::api::failure::v1::Failure;

bool IsSkipped(const Descriptor* type) {
  return type == temporal::api::common::v1::SearchAttributes::descriptor() ||
         type == temporal::api::common::v1::Header::descriptor();
}

bool IsTarget(const Descriptor* type) {
  return type == Payload::descriptor() || type == Payloads::descriptor() ||
         type == Failure::descriptor() || type == google::protobuf::Any::descriptor();
}

bool Reaches(const Descriptor* type, std::set<const Descriptor*>* seen) {
  if (IsSkipped(type)) return false;
  if (IsTarget(type)) return true;
  if (!seen->insert(type).second) return false;
  for (int i = 0; i < type->field_count(); ++i) {
    const Descriptor* child = type->field(i)->message_type();
    if (child != nullptr && Reaches(child, seen)) return true;
  }
  return false;
}

}  // namespace

struct PayloadVisitor::Plan {
  enum class Kind { kPayload, kPayloads, kFailure, kAny, kOther };
  struct Field {
    const FieldDescriptor* field;
    const Plan* plan;
  };
  Kind kind = Kind::kOther;
  std::vector<Field> fields;
  // Of a oneof only the field that is set is looked at: an event of history could have sixty.
  std::vector<std::pair<const OneofDescriptor*, std::unordered_map<int, Field>>> oneofs;
};

class PayloadVisitor::Walk {
 public:
  Walk(PayloadVisitor* visitor, const PayloadVisit& visit) : visitor_(visitor), visit_(visit) {}

  absl::Status Visit(const Plan* plan, Message* message, const std::string& name) {
    switch (plan->kind) {
      case Plan::Kind::kPayload:
        return One(static_cast<Payload*>(message), name);
      case Plan::Kind::kPayloads: {
        PayloadList* list = static_cast<Payloads*>(message)->mutable_payloads();
        return list->empty() ? absl::OkStatus() : visit_.on_payloads(list, name);
      }
      case Plan::Kind::kAny:
        return Packed(static_cast<google::protobuf::Any*>(message), name);
      case Plan::Kind::kFailure: {
        visit_.before_failure(static_cast<Failure*>(message));
        absl::Status status = Fields(plan, message);
        if (status.ok()) visit_.after_failure(static_cast<Failure*>(message));
        return status;
      }
      case Plan::Kind::kOther:
        return Fields(plan, message);
    }
    return absl::OkStatus();
  }

 private:
  absl::Status One(Payload* payload, const std::string& name) {
    PayloadList list;
    list.Add(std::move(*payload));
    absl::Status status = visit_.on_payloads(&list, name);
    if (!status.ok()) return status;
    if (list.size() != 1) {
      return absl::InternalError("a codec made one payload into " + std::to_string(list.size()));
    }
    *payload = std::move(*list.Mutable(0));
    return absl::OkStatus();
  }

  absl::Status Packed(google::protobuf::Any* any, const std::string& name) {
    std::string type_name;
    if (!google::protobuf::Any::ParseAnyTypeUrl(any->type_url(), &type_name)) {
      return absl::OkStatus();
    }
    const Descriptor* type =
        google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(type_name);
    const Plan* plan = type == nullptr ? nullptr : visitor_->PlanOf(type);
    if (plan == nullptr) return absl::OkStatus();  // Of a newer API, or without payloads.
    const std::unique_ptr<Message> message(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
    if (!message->ParseFromString(any->value())) {
      return absl::InvalidArgumentError("a packed " + type_name + " cannot be read");
    }
    absl::Status status = Visit(plan, message.get(), name);
    if (status.ok()) message->SerializeToString(any->mutable_value());
    return status;
  }

  absl::Status Fields(const Plan* plan, Message* message) {
    const Reflection* reflection = message->GetReflection();
    for (const Plan::Field& field : plan->fields) {
      if (absl::Status status = Field(field, message, reflection); !status.ok()) return status;
    }
    for (const auto& [oneof, fields] : plan->oneofs) {
      const FieldDescriptor* set = reflection->GetOneofFieldDescriptor(*message, oneof);
      if (set == nullptr) continue;
      const auto found = fields.find(set->number());
      if (found == fields.end()) continue;
      if (absl::Status status = Field(found->second, message, reflection); !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

  absl::Status Field(const Plan::Field& field, Message* message, const Reflection* reflection) {
    const std::string& name = field.field->name();
    if (!field.field->is_repeated()) {
      if (!reflection->HasField(*message, field.field)) return absl::OkStatus();
      return Visit(field.plan, reflection->MutableMessage(message, field.field), name);
    }
    // A map is a list of entries to reflection, each a message with a value.
    const int size = reflection->FieldSize(*message, field.field);
    for (int i = 0; i < size; ++i) {
      Message* element = reflection->MutableRepeatedMessage(message, field.field, i);
      if (absl::Status status = Visit(field.plan, element, name); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  PayloadVisitor* const visitor_;
  const PayloadVisit& visit_;
};

PayloadVisitor::PayloadVisitor() = default;
PayloadVisitor::~PayloadVisitor() = default;

absl::Status PayloadVisitor::Visit(Message* message, const PayloadVisit& visit) {
  const Plan* plan = PlanOf(message->GetDescriptor());
  if (plan == nullptr) return absl::OkStatus();
  return Walk(this, visit).Visit(plan, message, message->GetDescriptor()->name());
}

const PayloadVisitor::Plan* PayloadVisitor::PlanOf(const Descriptor* type) {
  const std::lock_guard lock(mutex_);
  return Build(type);
}

const PayloadVisitor::Plan* PayloadVisitor::Build(const Descriptor* type) {
  if (const auto found = plans_.find(type); found != plans_.end()) return found->second.get();
  std::set<const Descriptor*> seen;
  if (!Reaches(type, &seen)) return (plans_[type] = nullptr).get();
  // Entered before its fields are looked at, since types may hold themselves.
  Plan* plan = (plans_[type] = std::make_unique<Plan>()).get();
  if (type == Payload::descriptor()) plan->kind = Plan::Kind::kPayload;
  if (type == Payloads::descriptor()) plan->kind = Plan::Kind::kPayloads;
  if (type == Failure::descriptor()) plan->kind = Plan::Kind::kFailure;
  if (type == google::protobuf::Any::descriptor()) plan->kind = Plan::Kind::kAny;
  if (plan->kind != Plan::Kind::kOther && plan->kind != Plan::Kind::kFailure) return plan;
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (field->message_type() == nullptr) continue;
    const Plan* child = Build(field->message_type());
    if (child == nullptr) continue;
    const OneofDescriptor* oneof = field->real_containing_oneof();
    if (oneof == nullptr) {
      plan->fields.push_back({field, child});
      continue;
    }
    if (plan->oneofs.empty() || plan->oneofs.back().first != oneof) {
      plan->oneofs.emplace_back(oneof, std::unordered_map<int, Plan::Field>());
    }
    plan->oneofs.back().second.emplace(field->number(), Plan::Field{field, child});
  }
  return plan;
}

}  // namespace perdure::client
