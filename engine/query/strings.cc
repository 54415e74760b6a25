#include "query/strings.h"

#include <cstdint>

namespace perdure::query {
namespace {

constexpr uint32_t kCodePointMax = 0x10ffff;
constexpr uint32_t kSurrogateFirst = 0xd800;
constexpr uint32_t kSurrogateLast = 0xdfff;

void AppendCodePoint(std::string& out, uint32_t code) {
  const auto tail = [&out, code](int shift) {
    out.push_back(static_cast<char>(0x80 | ((code >> shift) & 0x3f)));
  };
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xc0 | (code >> 6)));
    tail(0);
  } else if (code < 0x10000) {
    out.push_back(static_cast<char>(0xe0 | (code >> 12)));
    tail(6);
    tail(0);
  } else {
    out.push_back(static_cast<char>(0xf0 | (code >> 18)));
    tail(12);
    tail(6);
    tail(0);
  }
}

// The length of the sequence that `lead` begins; 0 if it begins none.
size_t SequenceLength(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  if (lead >= 0xf0 && lead < 0xf5) return 4;
  return 0;
}

// Decodes one code point at the front; returns its length, 0 if it is malformed.
size_t Decode(absl::string_view text, uint32_t& code) {
  const auto lead = static_cast<uint8_t>(text[0]);
  const size_t length = SequenceLength(lead);
  if (length == 0 || length > text.size()) return 0;
  code = length == 1 ? lead : lead & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if ((byte & 0xc0) != 0x80) return 0;
    code = (code << 6) | (byte & 0x3f);
  }
  const bool is_overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool is_surrogate = code >= kSurrogateFirst && code <= kSurrogateLast;
  return is_overlong || is_surrogate || code > kCodePointMax ? 0 : length;
}

}  // namespace

bool IsStorableText(absl::string_view text) {
  while (!text.empty()) {
    uint32_t code = 0;
    const size_t length = Decode(text, code);
    if (length == 0 || code == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string PrefixEnd(absl::string_view prefix) {
  std::string end(prefix);
  while (!end.empty()) {
    size_t last = end.size() - 1;
    while (last > 0 && (static_cast<uint8_t>(end[last]) & 0xc0) == 0x80) --last;
    uint32_t code = 0;
    Decode(absl::string_view(end).substr(last), code);
    end.resize(last);
    if (code >= kCodePointMax) continue;
    ++code;
    AppendCodePoint(end, code == kSurrogateFirst ? kSurrogateLast + 1 : code);
    return end;
  }
  return "";
}

}  // namespace perdure::query
