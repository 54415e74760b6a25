#include "store/postgres/parameters.h"

#include <cstring>

namespace perdure::store::postgres {
namespace {

// Network byte order.
std::string BigEndian(uint64_t value, int bytes) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift));
  }
  return out;
}

int WidthOf(TypeOid type) {
  switch (type) {
    case TypeOid::kInt16:
      return 2;
    case TypeOid::kInt32:
      return 4;
    case TypeOid::kBool:
    case TypeOid::kBytes:
    case TypeOid::kInt64:
    case TypeOid::kText:
    case TypeOid::kUuid:
      break;
  }
  return 8;
}

}  // namespace

void Array::Add(int64_t value) {
  AddElement(BigEndian(static_cast<uint64_t>(value), WidthOf(type_)));
}

void Array::Add(bool value) { AddElement(std::string(1, value ? 1 : 0)); }

void Array::Add(absl::string_view bytes) { AddElement(bytes); }

void Array::AddNull() {
  elements_.append(BigEndian(0xffffffff, 4));
  has_null_ = true;
  ++size_;
}

void Array::AddElement(absl::string_view bytes) {
  elements_.append(BigEndian(bytes.size(), 4));
  elements_.append(bytes.data(), bytes.size());
  ++size_;
}

std::string Array::Encode() const {
  std::string out = BigEndian(size_ == 0 ? 0 : 1, 4);
  out.append(BigEndian(has_null_ ? 1 : 0, 4));
  out.append(BigEndian(static_cast<uint32_t>(type_), 4));
  if (size_ == 0) return out;
  out.append(BigEndian(static_cast<uint32_t>(size_), 4));
  out.append(BigEndian(1, 4));
  out.append(elements_);
  return out;
}

std::optional<std::string> Array::Only() const {
  if (has_null_) return std::nullopt;
  constexpr size_t kLength = 4;  // stands before each element
  return elements_.substr(kLength);
}

Parameters& Parameters::Int16(int64_t value) {
  values_.emplace_back(BigEndian(static_cast<uint64_t>(value), 2));
  return *this;
}
Parameters& Parameters::Int32(int64_t value) {
  values_.emplace_back(BigEndian(static_cast<uint64_t>(value), 4));
  return *this;
}
Parameters& Parameters::Int64(int64_t value) {
  values_.emplace_back(BigEndian(static_cast<uint64_t>(value), 8));
  return *this;
}
Parameters& Parameters::Bool(bool value) {
  values_.emplace_back(std::string(1, value ? 1 : 0));
  return *this;
}
Parameters& Parameters::Double(double value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  values_.emplace_back(BigEndian(bits, 8));
  return *this;
}
Parameters& Parameters::Bytes(absl::string_view bytes) {
  values_.emplace_back(std::string(bytes));
  return *this;
}
Parameters& Parameters::Add(const Array& array) {
  values_.push_back(form_ == Form::kOneRow ? array.Only() : array.Encode());
  return *this;
}
Parameters& Parameters::Null() {
  values_.emplace_back(std::nullopt);
  return *this;
}

std::vector<const char*> Parameters::pointers() const {
  std::vector<const char*> pointers;
  for (const auto& value : values_) pointers.push_back(value ? value->c_str() : nullptr);
  return pointers;
}
std::vector<int> Parameters::lengths() const {
  std::vector<int> lengths;
  for (const auto& value : values_) lengths.push_back(value ? static_cast<int>(value->size()) : 0);
  return lengths;
}
std::vector<int> Parameters::formats() const { return std::vector<int>(values_.size(), 1); }

}  // namespace perdure::store::postgres
