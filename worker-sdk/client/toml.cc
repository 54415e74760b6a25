#include "worker-sdk/client/toml.h"

#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace perdure::client {
namespace {

using Path = std::vector<std::string>;

bool IsBare(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
}

void AppendUtf8(std::uint32_t code, std::string* text) {
  const auto add = [text](std::uint32_t byte) { text->push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xc0 | (code >> 6));
    add(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    add(0xe0 | (code >> 12));
    add(0x80 | ((code >> 6) & 0x3f));
    add(0x80 | (code & 0x3f));
  } else {
    add(0xf0 | (code >> 18));
    add(0x80 | ((code >> 12) & 0x3f));
    add(0x80 | ((code >> 6) & 0x3f));
    add(0x80 | (code & 0x3f));
  }
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<TomlValues> Parse() {
    Path table;
    for (;;) {
      SkipBlank();
      if (AtEnd()) return std::move(values_);
      bool is_good = false;
      if (Peek() == '[') {
        table.clear();
        is_good = Table(&table);
      } else {
        is_good = KeyValue(table);
      }
      if (is_good) is_good = EndOfLine();
      if (!is_good) return absl::InvalidArgumentError(absl::StrCat("line ", line_, ": ", error_));
    }
  }

 private:
  bool AtEnd() const { return at_ >= text_.size(); }
  char Peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  char Next() {
    const char c = text_[at_++];
    if (c == '\n') ++line_;
    return c;
  }
  bool Fail(std::string_view error) {
    error_ = std::string(error);
    return false;
  }
  bool Take(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    for (std::size_t i = 0; i < expected.size(); ++i) Next();
    return true;
  }
  void SkipSpaces() {
    while (Peek() == ' ' || Peek() == '\t') Next();
  }
  void SkipComment() {
    if (Peek() != '#') return;
    while (!AtEnd() && Peek() != '\n') Next();
  }
  void SkipBlank() {
    for (;;) {
      SkipSpaces();
      SkipComment();
      if (Peek() == '\r' && Peek(1) == '\n') Next();
      if (Peek() != '\n' || AtEnd()) return;
      Next();
    }
  }
  bool EndOfLine() {
    SkipSpaces();
    SkipComment();
    if (Peek() == '\r') Next();
    if (AtEnd() || Take("\n")) return true;
    return Fail("something follows that does not belong here");
  }

  bool Table(Path* table) {
    Take("[");
    if (Peek() == '[') return Fail("arrays of tables are not supported");
    if (!Key(table)) return false;
    SkipSpaces();
    return Take("]") || Fail("a table's name ends with ]");
  }
  bool Key(Path* path) {
    for (;;) {
      SkipSpaces();
      std::string part;
      if (Peek() == '"' || Peek() == '\'') {
        if (!String(&part)) return false;
      } else {
        while (IsBare(Peek())) part.push_back(Next());
        if (part.empty()) return Fail("a name is missing");
      }
      path->push_back(std::move(part));
      SkipSpaces();
      if (!Take(".")) return true;
    }
  }
  bool KeyValue(Path path) {
    if (!Key(&path)) return false;
    SkipSpaces();
    if (!Take("=")) return Fail("a name is followed by =");
    SkipSpaces();
    return Value(path);
  }
  bool Value(const Path& path) {
    if (Peek() == '{') return InlineTable(path);
    if (Peek() == '[') return Fail("arrays are not supported");
    std::string value;
    if (Peek() == '"' || Peek() == '\'') {
      if (!String(&value)) return false;
    } else if (!Word(&value)) {
      return false;
    }
    if (!values_.emplace(path, std::move(value)).second) return Fail("the name was given before");
    return true;
  }
  bool Word(std::string* value) {
    while (IsBare(Peek()) || Peek() == '+') value->push_back(Next());
    if (*value == "true" || *value == "false") return true;
    const std::size_t digits = value->find_first_not_of("0123456789_", 1);
    const bool is_integer = !value->empty() && digits == std::string::npos &&
                            ((*value)[0] == '-' || (*value)[0] == '+' ||
                             absl::ascii_isdigit(static_cast<unsigned char>((*value)[0])));
    return is_integer || Fail("neither a string, nor true or false, nor an integer");
  }
  bool InlineTable(const Path& path) {
    Take("{");
    SkipSpaces();
    if (Take("}")) return true;
    for (;;) {
      if (!KeyValue(path)) return false;
      SkipSpaces();
      if (Take("}")) return true;
      if (!Take(",")) return Fail("an inline table goes on with , or ends with }");
      SkipSpaces();
    }
  }
  bool String(std::string* value) {
    const char quote = Peek();
    const std::string triple(3, quote);
    const bool is_long = text_.substr(at_, 3) == triple;
    const std::string_view end =
        is_long ? std::string_view(triple) : std::string_view(triple).substr(0, 1);
    Take(end);
    if (is_long) {
      Take("\r");
      Take("\n");  // The first line break is not part of the text.
    }
    while (!Take(end)) {
      if (AtEnd() || (!is_long && Peek() == '\n')) return Fail("a string does not end");
      if (quote == '"' && Peek() == '\\') {
        Next();
        if (!Escape(is_long, value)) return false;
      } else {
        value->push_back(Next());
      }
    }
    return true;
  }
  bool Escape(bool is_long, std::string* value) {
    if (AtEnd()) return Fail("a string does not end");
    const char c = Next();
    static constexpr std::string_view kFrom = "btnfr\"\\";
    static constexpr std::string_view kTo = "\b\t\n\f\r\"\\";
    if (const std::size_t at = kFrom.find(c); at != kFrom.npos) {
      value->push_back(kTo[at]);
      return true;
    }
    if (is_long && (c == '\n' || c == ' ' || c == '\r' || c == '\t')) {
      // A backslash at the end of a line joins it with the next one.
      while (Peek() == ' ' || Peek() == '\t' || Peek() == '\r' || Peek() == '\n') Next();
      return true;
    }
    if (c != 'u' && c != 'U') return Fail("an unknown escape");
    std::uint32_t code = 0;
    for (int i = 0; i < (c == 'u' ? 4 : 8); ++i) {
      if (!absl::ascii_isxdigit(static_cast<unsigned char>(Peek())))
        return Fail("an unknown escape");
      const char digit = absl::ascii_tolower(static_cast<unsigned char>(Next()));
      code = code * 16 + static_cast<std::uint32_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return Fail("no Unicode character");
    AppendUtf8(code, value);
    return true;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
  std::string error_;
  TomlValues values_;
};

}  // namespace

absl::StatusOr<TomlValues> ParseToml(std::string_view text) { return Parser(text).Parse(); }

}  // namespace perdure::client
