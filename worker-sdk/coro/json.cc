#include "perdure/json.h"

#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "perdure/codec.h"

namespace perdure::json {
namespace {

using Parsed = nlohmann::json;
constexpr int kDepthMax = 200;

const Parsed& AsParsed(const void* node) { return *static_cast<const Parsed*>(node); }

std::string_view KindName(Parsed::value_t kind) {
  switch (kind) {
    case Parsed::value_t::null:
      return "null";
    case Parsed::value_t::boolean:
      return "a boolean";
    case Parsed::value_t::string:
      return "a string";
    case Parsed::value_t::array:
      return "an array";
    case Parsed::value_t::object:
      return "an object";
    default:
      return "a number";
  }
}

// The length of the UTF-8 sequence at `at`, or 0 where there is none.
std::size_t Utf8Length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return 1;
  std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies beyond U+10FFFF.
  if (first == 0xe0 && byte(at + 1) < 0xa0) return 0;
  if (first == 0xed && byte(at + 1) > 0x9f) return 0;
  if (first == 0xf0 && byte(at + 1) < 0x90) return 0;
  if (first == 0xf4 && byte(at + 1) > 0x8f) return 0;
  return length;
}

template <class T>
void WriteFloating(Writer* to, T value) {
  if (!std::isfinite(value)) throw DecodeError("$", "JSON has no form for NaN and infinity");
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  to->value({text, static_cast<std::size_t>(end - text)});
}

// Counts brackets outside of strings, so that a deep text is refused before the parser descends
// into it.
bool TooDeep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDepthMax) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

void Writer::number(double value) { WriteFloating(this, value); }
void Writer::number(float value) { WriteFloating(this, value); }

void Writer::string(std::string_view text) {
  if (comma_) to_ += ',';
  to_ += '"';
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
      ++i;
      continue;
    }
    if (c >= 0x80) {
      const std::size_t length = Utf8Length(text, i);
      if (length == 0)
        throw DecodeError("$", "a string is not valid UTF-8; use bytes for binary data");
      i += length;
      continue;
    }
    to_.append(text, plain, i - plain);
    switch (c) {
      case '"':
        to_ += "\\\"";
        break;
      case '\\':
        to_ += "\\\\";
        break;
      case '\n':
        to_ += "\\n";
        break;
      case '\t':
        to_ += "\\t";
        break;
      case '\r':
        to_ += "\\r";
        break;
      default: {
        constexpr char kDigits[] = "0123456789abcdef";
        to_ += "\\u00";
        to_ += kDigits[c >> 4];
        to_ += kDigits[c & 15];
      }
    }
    plain = ++i;
  }
  to_.append(text, plain);
  to_ += '"';
  comma_ = true;
}

Document::Document(std::string_view text) {
  if (TooDeep(text)) throw DecodeError("$", "nested more than 200 levels deep");
  try {
    parsed_ = std::make_unique<Parsed>(Parsed::parse(text)).release();
  } catch (const Parsed::exception& e) {
    throw DecodeError("$", std::string("not JSON: ") + e.what());
  }
}
Document::~Document() { std::unique_ptr<Parsed>(static_cast<Parsed*>(parsed_)); }
Reader Document::root() const { return Reader(parsed_, nullptr); }

void Reader::fail(std::string_view problem) const { throw DecodeError(path(), problem); }

void Reader::wrong_kind(std::string_view expected) const {
  fail(std::string(expected) + " was expected, not " +
       std::string(KindName(AsParsed(node_).type())));
}

std::string Reader::path() const {
  if (parent_ == nullptr) return "$";
  if (AsParsed(parent_->node_).is_array())
    return parent_->path() + "[" + std::to_string(index_) + "]";
  return parent_->path() + "." + std::string(key_);
}

Kind Reader::kind() const {
  switch (AsParsed(node_).type()) {
    case Parsed::value_t::null:
      return Kind::null;
    case Parsed::value_t::boolean:
      return Kind::boolean;
    case Parsed::value_t::string:
      return Kind::string;
    case Parsed::value_t::array:
      return Kind::array;
    case Parsed::value_t::object:
      return Kind::object;
    default:
      return Kind::number;
  }
}

bool Reader::boolean() const {
  if (!AsParsed(node_).is_boolean()) wrong_kind("a boolean");
  return AsParsed(node_).get<bool>();
}

std::int64_t Reader::integer() const {
  const Parsed& node = AsParsed(node_);
  if (!node.is_number()) wrong_kind("an integer");
  if (node.is_number_unsigned()) {
    const auto value = node.get<std::uint64_t>();
    if (value > static_cast<std::uint64_t>(INT64_MAX)) fail("the number is too large");
    return static_cast<std::int64_t>(value);
  }
  if (node.is_number_integer()) return node.get<std::int64_t>();
  // Languages with one kind of number may write 5 as 5.0.
  const double value = node.get<double>();
  if (value != std::trunc(value) || std::abs(value) > 9007199254740992.0)
    fail("an integer was expected");
  return static_cast<std::int64_t>(value);
}

std::uint64_t Reader::unsigned_integer() const {
  const Parsed& node = AsParsed(node_);
  if (node.is_number_unsigned()) return node.get<std::uint64_t>();
  const std::int64_t value = integer();
  if (value < 0) fail("the number must not be negative");
  return static_cast<std::uint64_t>(value);
}

double Reader::number() const {
  if (!AsParsed(node_).is_number()) wrong_kind("a number");
  return AsParsed(node_).get<double>();
}

std::string_view Reader::string() const {
  if (!AsParsed(node_).is_string()) wrong_kind("a string");
  return AsParsed(node_).get_ref<const std::string&>();
}

std::size_t Reader::size() const {
  if (!AsParsed(node_).is_array()) wrong_kind("an array");
  return AsParsed(node_).size();
}

std::size_t Reader::member_count() const {
  if (!AsParsed(node_).is_object()) wrong_kind("an object");
  return AsParsed(node_).size();
}

Reader Reader::element(std::size_t index) const {
  if (!AsParsed(node_).is_array()) wrong_kind("an array");
  Reader element(&AsParsed(node_)[index], this);
  element.index_ = index;
  return element;
}

std::string Reader::text() const { return AsParsed(node_).dump(); }

Reader::Members Reader::members() const { return Members(*this); }

static_assert(sizeof(Parsed::const_iterator) <= 32);
static_assert(std::is_trivially_destructible_v<Parsed::const_iterator>);

Reader::Members::Members(const Reader& object) : object_(object), current_(nullptr, &object) {
  if (!AsParsed(object.node_).is_object()) object.wrong_kind("an object");
  std::construct_at(reinterpret_cast<Parsed::const_iterator*>(at_), AsParsed(object.node_).begin());
}
Reader::Members::~Members() = default;

bool Reader::Members::next() {
  auto& at = *std::launder(reinterpret_cast<Parsed::const_iterator*>(at_));
  if (started_) ++at;
  started_ = true;
  if (at == AsParsed(object_.node_).end()) return false;
  current_.node_ = &at.value();
  current_.key_ = at.key();
  return true;
}

std::string to_base64(const std::byte* data, std::size_t size) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((size + 2) / 3 * 4);
  for (std::size_t i = 0; i < size; i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < size ? std::to_integer<std::uint32_t>(data[i + k]) : 0);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += i + k > size ? '=' : kDigits[group >> (18 - 6 * k) & 63];
    }
  }
  return text;
}

std::vector<std::byte> from_base64(const Reader& from) {
  std::string_view text = from.string();
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t group = 0;
  int bits = 0;
  for (const char c : text) {
    int digit = 0;
    if (c >= 'A' && c <= 'Z')
      digit = c - 'A';
    else if (c >= 'a' && c <= 'z')
      digit = c - 'a' + 26;
    else if (c >= '0' && c <= '9')
      digit = c - '0' + 52;
    else if (c == '+' || c == '-')
      digit = 62;
    else if (c == '/' || c == '_')
      digit = 63;
    else
      from.fail("not base64");
    group = group << 6 | static_cast<std::uint32_t>(digit);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<std::byte>(group >> bits & 255));
    }
  }
  return bytes;
}

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// ".5" for half a second; nothing for none.
void AppendFraction(std::string* text, std::int64_t nanos) {
  if (nanos == 0) return;
  std::string digits = std::to_string(nanos);
  digits.insert(0, 9 - digits.size(), '0');
  while (digits.back() == '0') digits.pop_back();
  *text += "." + digits;
}

// Reads digits after a point as nanoseconds; moves *text behind them.
std::int64_t TakeFraction(std::string_view* text) {
  std::int64_t nanos = 0;
  if (text->empty() || text->front() != '.') return 0;
  text->remove_prefix(1);
  std::int64_t unit = kSecond / 10;
  while (!text->empty() && text->front() >= '0' && text->front() <= '9') {
    nanos += (text->front() - '0') * unit;
    unit /= 10;
    text->remove_prefix(1);
  }
  return nanos;
}

template <class T>
bool TakeNumber(std::string_view* text, T* number) {
  const auto result = std::from_chars(text->data(), text->data() + text->size(), *number);
  if (result.ec != std::errc()) return false;
  text->remove_prefix(static_cast<std::size_t>(result.ptr - text->data()));
  return true;
}

bool Take(std::string_view* text, std::string_view what) {
  if (!text->starts_with(what)) return false;
  text->remove_prefix(what.size());
  return true;
}

}  // namespace

std::string duration_text(std::chrono::nanoseconds duration) {
  const std::int64_t count = duration.count();
  // Not negated as a whole: the smallest value has no positive.
  std::string text = count < 0 ? "-" : "";
  text += std::to_string(std::abs(count / kSecond));
  AppendFraction(&text, std::abs(count % kSecond));
  return text + "s";
}

std::chrono::nanoseconds duration_from(const Reader& from) {
  if (from.kind() == Kind::number) {
    return std::chrono::nanoseconds(std::llround(from.number() * 1e9));
  }
  std::string_view text = from.string();
  const bool negative = Take(&text, "-");
  std::int64_t seconds = 0;
  if (!TakeNumber(&text, &seconds) || seconds > INT64_MAX / kSecond - 1)
    from.fail("not a duration");
  const std::int64_t nanos = seconds * kSecond + TakeFraction(&text);
  if (text != "s") from.fail("not a duration such as \"1.5s\"");
  return std::chrono::nanoseconds(negative ? -nanos : nanos);
}

std::string time_text(Timestamp time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(time - days);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  std::string result = text;
  AppendFraction(&result, clock.subseconds().count());
  return result + "Z";
}

Timestamp time_from(const Reader& from) {
  std::string_view text = from.string();
  int year = 0;
  unsigned month = 0, day = 0;
  int hour = 0, minute = 0, second = 0;
  bool ok = TakeNumber(&text, &year) && Take(&text, "-") && TakeNumber(&text, &month) &&
            Take(&text, "-") && TakeNumber(&text, &day) && (Take(&text, "T") || Take(&text, " ")) &&
            TakeNumber(&text, &hour) && Take(&text, ":") && TakeNumber(&text, &minute);
  if (ok && Take(&text, ":")) ok = TakeNumber(&text, &second);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!ok || !date.ok() || hour > 24 || minute > 59 || second > 60)
    from.fail("not a time such as \"2026-01-31T10:00:00Z\"");
  const std::int64_t nanos = TakeFraction(&text);
  std::chrono::minutes offset{0};
  if (text.starts_with("+") || text.starts_with("-")) {
    const int sign = text.front() == '-' ? -1 : 1;
    text.remove_prefix(1);
    int hours = 0, minutes = 0;
    if (!TakeNumber(&text, &hours) || !Take(&text, ":") || !TakeNumber(&text, &minutes))
      from.fail("not a time zone");
    offset = sign * (std::chrono::hours(hours) + std::chrono::minutes(minutes));
  } else if (!text.empty() && text != "Z" && text != "z") {
    from.fail("not a time");
  }
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second) + std::chrono::nanoseconds(nanos) - offset;
}

}  // namespace perdure::json

namespace perdure::detail {

void check_encoding(const Payload& payload, std::string_view expected) {
  if (payload.encoding == expected) return;
  throw DecodeError("$", "the payload's encoding is \"" + payload.encoding + "\", expected \"" +
                             std::string(expected) + "\"");
}

bool is_null(const Payload& payload) {
  return payload.encoding == kNull || (payload.encoding == kJson && payload.data == "null");
}

}  // namespace perdure::detail
