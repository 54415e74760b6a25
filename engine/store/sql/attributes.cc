#include "store/sql/attributes.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace perdure::store::sql {
namespace {

using query::Type;
using query::Value;

void AppendString(std::string& out, absl::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte == 0) {
      out.append("\\ufffd");  // PostgreSQL's text has no NUL.
    } else if (byte < 0x20) {
      absl::StrAppendFormat(&out, "\\u%04x", byte);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

std::string FormatDouble(double value) {
  if (!std::isfinite(value)) return "0";
  return absl::StrFormat("%.17g", value);
}

// Appends `"tag:name":value`.
struct Writer {
  std::string& out;
  const std::string& name;

  void Key(char tag) {
    if (out.size() > 1) out.push_back(',');
    AppendString(out, absl::StrCat(std::string(1, tag), ":", name));
    out.push_back(':');
  }
  void operator()(std::monostate) {}
  void operator()(bool value) {
    Key('b');
    out.append(value ? "true" : "false");
  }
  void operator()(int64_t value) {
    Key('i');
    absl::StrAppend(&out, value);
  }
  void operator()(double value) {
    Key('d');
    out.append(FormatDouble(value));
  }
  void operator()(const std::string& value) {
    Key('s');
    AppendString(out, value);
  }
  void operator()(absl::Time value) {
    Key('t');
    absl::StrAppend(&out, absl::ToUnixMicros(value));
  }
  void operator()(const std::vector<std::string>& values) {
    Key('l');
    out.push_back('[');
    for (size_t i = 0; i < values.size(); ++i) {
      if (i > 0) out.push_back(',');
      AppendString(out, values[i]);
    }
    out.push_back(']');
  }
};

// Reads the flat JSON that Encode writes; a database may have changed spacing and order.
class Reader {
 public:
  explicit Reader(absl::string_view text) : text_(text) {}

  bool Object(std::map<std::string, Value>& out) {
    if (!Take('{')) return false;
    if (Take('}')) return AtEnd();
    do {
      std::string key;
      if (!String(key) || key.size() < 2 || key[1] != ':' || !Take(':')) return false;
      Value value;
      if (!ReadValue(key[0], value)) return false;
      out.emplace(key.substr(2), std::move(value));
    } while (Take(','));
    return Take('}') && AtEnd();
  }

 private:
  bool ReadValue(char tag, Value& out) {
    if (tag == 's') return String(out.emplace<std::string>());
    if (tag == 'l') return Strings(out.emplace<std::vector<std::string>>());
    const std::string word = Word();
    if (tag == 'b') {
      out = word == "true";
      return word == "true" || word == "false";
    }
    if (tag == 'd') return absl::SimpleAtod(word, &out.emplace<double>());
    int64_t number = 0;
    if (!absl::SimpleAtoi(word, &number)) return false;
    if (tag == 'i') out = number;
    if (tag == 't') out = absl::FromUnixMicros(number);
    return tag == 'i' || tag == 't';
  }

  bool Strings(std::vector<std::string>& out) {
    if (!Take('[')) return false;
    if (Take(']')) return true;
    do {
      if (!String(out.emplace_back())) return false;
    } while (Take(','));
    return Take(']');
  }

  bool String(std::string& out) {
    if (!Take('"')) return false;
    while (place_ < text_.size()) {
      const char c = text_[place_++];
      if (c == '"') return true;
      if (c != '\\') {
        out.push_back(c);
      } else if (!Escape(out)) {
        return false;
      }
    }
    return false;
  }

  bool Escape(std::string& out) {
    if (place_ >= text_.size()) return false;
    const char c = text_[place_++];
    constexpr absl::string_view kLetters = "\"\\/bfnrt";
    constexpr absl::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const size_t found = kLetters.find(c);
    if (found != absl::string_view::npos) {
      out.push_back(kMeanings[found]);
      return true;
    }
    if (c != 'u' || text_.size() - place_ < 4) return false;
    uint32_t code = 0;
    const char* digits = text_.data() + place_;
    if (std::from_chars(digits, digits + 4, code, 16).ptr != digits + 4) return false;
    place_ += 4;
    // What Encode escapes lies below the surrogates.
    if (code < 0x80) {
      out.push_back(static_cast<char>(code));
    } else if (code < 0x800) {
      out.push_back(static_cast<char>(0xc0 | (code >> 6)));
      out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
    } else {
      out.push_back(static_cast<char>(0xe0 | (code >> 12)));
      out.push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3f)));
      out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
    }
    return true;
  }

  std::string Word() {
    SkipSpace();
    const size_t begin = place_;
    while (place_ < text_.size() && text_[place_] != ',' && text_[place_] != '}') ++place_;
    return std::string(text_.substr(begin, place_ - begin));
  }

  bool Take(char expected) {
    SkipSpace();
    if (place_ >= text_.size() || text_[place_] != expected) return false;
    ++place_;
    return true;
  }
  bool AtEnd() {
    SkipSpace();
    return place_ == text_.size();
  }
  void SkipSpace() {
    while (place_ < text_.size() && (text_[place_] == ' ' || text_[place_] == '\n')) ++place_;
  }

  absl::string_view text_;
  size_t place_ = 0;
};

}  // namespace

char TypeTag(Type type) {
  switch (type) {
    case Type::kText:
    case Type::kKeyword:
      return 's';
    case Type::kInt:
      return 'i';
    case Type::kDouble:
      return 'd';
    case Type::kBool:
      return 'b';
    case Type::kDatetime:
      return 't';
    case Type::kKeywordList:
      return 'l';
  }
  return 's';
}

std::string AttributeKey(const std::string& name, Type type) {
  return absl::StrCat(std::string(1, TypeTag(type)), ":", name);
}

std::string AttributeIndexName(const std::string& name, Type type) {
  uint64_t hash = 14695981039346656037ULL;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211ULL;
  // Text and Keyword hold the same values but need different indexes.
  const char letter = type == Type::kText ? 'w' : TypeTag(type);
  return absl::StrFormat("visibility_attribute_%c_%016x", letter, hash);
}

std::string EncodeAttributes(const std::map<std::string, Value>& attributes) {
  std::string out = "{";
  for (const auto& [name, value] : attributes) std::visit(Writer{out, name}, value);
  if (out.size() == 1) return "";
  out.push_back('}');
  return out;
}

absl::StatusOr<std::map<std::string, Value>> DecodeAttributes(absl::string_view json) {
  std::map<std::string, Value> attributes;
  if (json.empty()) return attributes;
  if (!Reader(json).Object(attributes)) {
    return absl::DataLossError("a visibility row's attributes cannot be read");
  }
  return attributes;
}

}  // namespace perdure::store::sql
