#include "query/lexer.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "query/strings.h"

namespace perdure::query {
namespace {

bool IsWordStart(char c) {
  return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '@' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool IsWordPart(char c) {
  return IsWordStart(c) || absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '.';
}

class Lexer {
 public:
  explicit Lexer(absl::string_view text) : text_(text) {}

  absl::StatusOr<std::vector<Token>> Run() {
    std::vector<Token> tokens;
    while (true) {
      while (place_ < text_.size() && absl::ascii_isspace(Peek())) ++place_;
      Token token;
      token.offset = place_;
      if (place_ >= text_.size()) {
        tokens.push_back(std::move(token));
        return tokens;
      }
      if (!Next(token)) return MalformedQuery(token.offset, text_.substr(token.offset, 20));
      tokens.push_back(std::move(token));
    }
  }

 private:
  bool Next(Token& token) {
    const char c = Peek();
    if (c == '\'' || c == '"') {
      token.kind = Token::Kind::kString;
      return Quoted(c, /*has_escapes=*/true, token.text);
    }
    if (c == '`') {
      token.kind = Token::Kind::kQuotedName;
      return Quoted(c, /*has_escapes=*/false, token.text) && !token.text.empty();
    }
    if (IsWordStart(c)) {
      token.kind = Token::Kind::kWord;
      while (place_ < text_.size() && IsWordPart(Peek())) token.text.push_back(text_[place_++]);
      return true;
    }
    const bool is_fraction =
        c == '.' && place_ + 1 < text_.size() && absl::ascii_isdigit(text_[place_ + 1]);
    if (absl::ascii_isdigit(c) || is_fraction) return Number(token);
    return Symbol(token);
  }

  bool Quoted(char quote, bool has_escapes, std::string& out) {
    ++place_;
    while (place_ < text_.size()) {
      const char c = text_[place_++];
      if (c == quote) {
        if (place_ >= text_.size() || Peek() != quote) return true;
        ++place_;  // A doubled quote stands for itself.
        out.push_back(quote);
      } else if (c == '\\' && has_escapes) {
        if (place_ >= text_.size()) return false;
        out.push_back(Unescape(text_[place_++]));
        if (out.back() == '\0') return false;
      } else {
        out.push_back(c);
      }
    }
    return false;
  }

  static char Unescape(char c) {
    switch (c) {
      case '0':
        return '\0';
      case 'b':
        return '\b';
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'Z':
        return '\x1a';
      default:
        return c;
    }
  }

  bool Number(Token& token) {
    token.kind = Token::Kind::kNumber;
    const auto digits = [this, &token] {
      while (place_ < text_.size() && absl::ascii_isdigit(Peek())) {
        token.text.push_back(text_[place_++]);
      }
    };
    digits();
    if (place_ < text_.size() && Peek() == '.') {
      token.text.push_back(text_[place_++]);
      digits();
    }
    if (place_ < text_.size() && (Peek() == 'e' || Peek() == 'E')) {
      token.text.push_back(text_[place_++]);
      if (place_ < text_.size() && (Peek() == '+' || Peek() == '-')) {
        token.text.push_back(text_[place_++]);
      }
      if (place_ >= text_.size() || !absl::ascii_isdigit(Peek())) return false;
      digits();
    }
    return place_ >= text_.size() || !IsWordStart(Peek());
  }

  bool Symbol(Token& token) {
    token.kind = Token::Kind::kSymbol;
    for (const absl::string_view symbol :
         {"<=>", "!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ",", "-", "+", "*"}) {
      if (text_.substr(place_, symbol.size()) == symbol) {
        token.text = std::string(symbol);
        place_ += symbol.size();
        return true;
      }
    }
    return false;
  }

  char Peek() const { return text_[place_]; }

  absl::string_view text_;
  size_t place_ = 0;
};

}  // namespace

absl::Status InvalidQuery(absl::string_view text) {
  return base::InvalidArgument(absl::StrCat("invalid query: ", text));
}

absl::Status MalformedQuery(size_t offset, absl::string_view near) {
  if (near.empty()) {
    return InvalidQuery(
        absl::StrCat("malformed SQL query: syntax error at position ", offset + 1));
  }
  return InvalidQuery(absl::StrCat("malformed SQL query: syntax error at position ", offset + 1,
                                   " near '", near, "'"));
}

absl::StatusOr<std::vector<Token>> Lex(absl::string_view text) {
  if (!IsStorableText(text)) {
    return InvalidQuery("malformed SQL query: the text is not valid UTF-8");
  }
  return Lexer(text).Run();
}

}  // namespace perdure::query
