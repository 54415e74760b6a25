// JSON as text: a writer that appends, a reader of what was parsed. perdure/json.h gives types
// their form with them.
#pragma once

#include <charconv>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "perdure/errors.h"

namespace perdure {
namespace json {

// Appends JSON text. A value, a struct's members and an array's elements are written in order;
// commas are its care.
class Writer {
 public:
  explicit Writer(std::string* to) : to_(*to) {}
  void null() { value("null"); }
  void boolean(bool value) { this->value(value ? "true" : "false"); }
  template <std::integral T>
  void integer(T value) {
    char text[24];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    this->value({text, static_cast<std::size_t>(end - text)});
  }
  // Throws DecodeError for NaN and infinities, which JSON lacks.
  void number(double value);
  void number(float value);
  // Throws DecodeError for what is not UTF-8.
  void string(std::string_view text);
  // Text that is JSON already.
  void value(std::string_view json) {
    if (comma_) to_ += ',';
    to_ += json;
    comma_ = true;
  }
  void begin(char bracket) {
    if (comma_) to_ += ',';
    to_ += bracket;
    comma_ = false;
  }
  void end(char bracket) {
    to_ += bracket;
    comma_ = true;
  }
  void key(std::string_view name) {
    string(name);
    to_ += ':';
    comma_ = false;
  }

 private:
  std::string& to_;
  bool comma_ = false;
};

enum class Kind { null, boolean, number, string, array, object };

// One value of a parsed document, and where it is. Valid while its Document and the readers above
// it are.
class Reader {
 public:
  Kind kind() const;
  bool boolean() const;
  std::int64_t integer() const;  // Throws where the number is no integer or too large.
  std::uint64_t unsigned_integer() const;
  double number() const;
  std::string_view string() const;
  std::size_t size() const;                 // Of an array; anything else throws.
  std::size_t member_count() const;         // Of an object.
  Reader element(std::size_t index) const;  // Of an array.
  // Members of an object, in the order of their names.
  class Members;
  Members members() const;
  std::string_view key() const { return key_; }  // Of a member: its name.
  std::string text() const;                      // The value as JSON.
  std::string path() const;
  [[noreturn]] void fail(std::string_view problem) const;

 private:
  friend class Document;
  friend class Members;
  Reader(const void* node, const Reader* parent) : node_(node), parent_(parent) {}
  [[noreturn]] void wrong_kind(std::string_view expected) const;
  const void* node_;
  const Reader* parent_;
  std::string_view key_{};
  std::size_t index_ = 0;
};

class Reader::Members {
 public:
  ~Members();
  Members(const Members&) = delete;
  bool next();  // To the first or the next member; false after the last.
  const Reader& value() const { return current_; }

 private:
  friend class Reader;
  explicit Members(const Reader& object);
  const Reader& object_;
  Reader current_;
  // An iterator of the parsed object.
  alignas(void*) unsigned char at_[32];
  bool started_ = false;
};

// A parsed text. Throws DecodeError where it is not JSON, or nests deeper than 200 levels.
class Document {
 public:
  explicit Document(std::string_view text);
  ~Document();
  Document(const Document&) = delete;
  Reader root() const;

 private:
  void* parsed_;
};

std::string to_base64(const std::byte* data, std::size_t size);
std::vector<std::byte> from_base64(const Reader& from);
std::string duration_text(std::chrono::nanoseconds duration);
std::chrono::nanoseconds duration_from(const Reader& from);
std::string time_text(Timestamp time);
Timestamp time_from(const Reader& from);

}  // namespace json
}  // namespace perdure
