// Statement parameters in PostgreSQL's binary format, arrays for multi-row statements included.
// Values; owned by whoever builds a statement.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace perdure::store::postgres {

// Type numbers of pg_type, fixed since PostgreSQL was Postgres.
enum class TypeOid : uint32_t {
  kBool = 16,
  kBytes = 17,
  kInt64 = 20,
  kInt16 = 21,
  kInt32 = 23,
  kText = 25,
  kUuid = 2950,
};

// A one-dimensional array.
class Array {
 public:
  explicit Array(TypeOid type) : type_(type) {}

  // Written in the width of the array's type.
  void Add(int64_t value);
  void Add(bool value);
  // Text, bytes or a UUID's 16 bytes.
  void Add(absl::string_view bytes);
  void AddNull();
  template <class T>
  void Add(const std::optional<T>& value) {
    if (value.has_value()) {
      Add(*value);
    } else {
      AddNull();
    }
  }
  int64_t size() const { return size_; }
  std::string Encode() const;
  // The value of an array that has one, as it stands without the array.
  std::optional<std::string> Only() const;

 private:
  void AddElement(absl::string_view bytes);

  TypeOid type_;
  int32_t size_ = 0;
  bool has_null_ = false;
  std::string elements_;
};

class Parameters {
 public:
  // Of a statement for a single row, arrays are given as the one value that they have.
  enum class Form { kArrays, kOneRow };
  Parameters() = default;
  explicit Parameters(Form form) : form_(form) {}

  Parameters& Int16(int64_t value);
  Parameters& Int32(int64_t value);
  Parameters& Int64(int64_t value);
  Parameters& Bool(bool value);
  Parameters& Double(double value);
  // Text and bytes alike.
  Parameters& Bytes(absl::string_view bytes);
  Parameters& Add(const Array& array);
  Parameters& Null();

  int count() const { return static_cast<int>(values_.size()); }
  // The pointers libpq wants; valid while this lives unchanged.
  std::vector<const char*> pointers() const;
  std::vector<int> lengths() const;
  std::vector<int> formats() const;

 private:
  Form form_ = Form::kArrays;
  std::vector<std::optional<std::string>> values_;
};

}  // namespace perdure::store::postgres
