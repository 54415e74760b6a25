#include "store/postgres/packing.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace perdure::store::postgres {
namespace {

// No message begins with a byte below 8.
constexpr char kPacked = 1;
constexpr char kPlain = 2;

// What most records hold, as they hold it; the commonest last. It belongs to the format: another
// one needs another first byte. Event 1 to 11 of a run, as the SDKs write them.
constexpr char kSample[] =
    "\x12\x02\x42\x00"
    "perdure-cpp\"\x05"
    "0.1.0temporal-python\"\x06"
    "1.10.0temporal-typescripttemporal-java\"\x06"
    "1.30.0\x12\x01\x03\x1a\x0btemporal-go\"\x06"
    "1.30.0j\x00"
    "\x08\x06\x12\x0b\x18\x0b(\x86\x80@\x82\x01\x35\x08\x05\x12\x09@\x1a$ \x01\x12"
    "\x08\x07\x12\x0b\x18\x0c(\x87\x80@\x8a\x01.\n\x1e\n\x1c\n\x16\n\x08"
    "encoding\x12\nbinary/null"
    "\x10\x05\x18\x06\""
    "\x08\x08\x12\x0b\x18\x05(\x88\x80@R\x10\x02\x1a\x18\x12\x02\x08\n\x18\x01"
    "\x08\x09\x12\x0b\x18\x06(\x89\x80@Z5\x08\x08\x12"
    "\x08\n\x12\x0b\x18\x07(\x8a\x80@b\x10\x08\x08\x10\x09\x1a"
    "\x32\x00j\x00\x08\x0b\x12\x0b\x18\x02(\x8b\x80@:\"\n\x1e\n\x1c\n"
    "\x08\x05\x12\x0b\x18\n(\x85\x80@zj\n\x01\x31\x12\x08\n\x06"
    ":\x00\x42\x00J\x00R\x00:\x00\x42\x00J\x02\x08<R\x00X\x04"
    "b\x11\n\x02\x08\x01\x11\x00\x00\x00\x00\x00\x00\x00@\x1a\x02\x08"
    "d\x12\x8d\x01:\x8a\x01\x08\x05\x10\x01\x18p\x01z\x90\x01\x80\xb0\x9d\xc2\xdf\x01\xa2\x01"
    "\x11\n\x02\x08\x01\x11\x00\x00\x00\x00\x00\x00\x00@\x1a\x02\x08"
    "d\x12\x40\n\x10\x80\xe4\x97\xd0\x12\x12\x8a\x01\x12\x87\x01"
    "\x08\x05\x12\x0b\x18\x11(\x85\x80@\x9a\x01\x0b\n\x01"
    "1\x12\x04\x08\x80\x18\x04"
    "\x08\x04\x12\x0c\x18\x07(\x84\x80@b\x29\x08\x02\x10\x03\x1a\x05"
    "\x08\x01\x12\x4d\x12\x4b\x08\x03\x12\x0c\x18\x06(\x83\x80@Z5\x08\x02\x12\x05\x1a$(\xfb\x01\x12"
    "\x12\x0c\x08\x10\x18\x05(\x82\x80@R\x10\x01\x12\x02\x08\n\x18\x01"
    "\x12\x02\x08\nr$z\x05@\x82\x01$\x90\x01\x01\xaa\x01\x00\xca\x01\x00\xe2\x01$"
    "\x10\x01\x32\x1e\n\x1c\n\x16\n\x08"
    "encoding\x12\njson/plain\x12\x02J\x02\x08\nr$"
    "\x12\x40\x12\x3e\x08\x02\x12\x0c\x08"
    "\x12\xeb\x01\x12\xe8\x01\x08\x01\x12\x0c\x08\x18\x01(\x81\x80@2\xcf\x01\n\x07\n\x05*\n"
    "\x08\x01\x12z\nx\x08\x01\x12$\x1a$\"$(";
constexpr size_t kSampleSize = sizeof(kSample) - 1;

// A run of literals is its length less one and the bytes; 127 is a UUID's text, 16 bytes follow;
// with the highest bit four bits of length and eleven of distance.
constexpr size_t kLiteralsMax = 127;
constexpr uint8_t kUuid = 127;
constexpr uint8_t kMatch = 128;
constexpr size_t kMatchMin = 4;
constexpr size_t kLengthMax = 15;
constexpr size_t kDistanceMax = 2047;
constexpr size_t kUuidText = 36;
constexpr size_t kUuidBytes = 16;

constexpr uint32_t Load(const char* at) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(at[i]);
  return value;
}

// The newest place of each four bytes, by their hash; 0: none.
constexpr size_t kPlaces = 1024;
using Places = std::array<uint16_t, kPlaces>;
constexpr size_t PlaceOf(uint32_t bytes) { return (bytes * 2654435761U) >> 22; }
constexpr Places PlacesOfSample() {
  Places places{};
  for (size_t i = 1; i + kMatchMin <= kSampleSize; ++i) {
    places[PlaceOf(Load(kSample + i))] = static_cast<uint16_t>(i);
  }
  return places;
}
constexpr Places kPlacesOfSample = PlacesOfSample();

constexpr bool HasDash(size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

// The value of a digit as a UUID's text has it, small; 16 for what is none.
constexpr std::array<uint8_t, 256> DigitValues() {
  std::array<uint8_t, 256> values{};
  for (uint8_t& value : values) value = 16;
  for (uint8_t i = 0; i < 10; ++i) values['0' + i] = i;
  for (uint8_t i = 0; i < 6; ++i) values['a' + i] = static_cast<uint8_t>(10 + i);
  return values;
}
constexpr std::array<uint8_t, 256> kDigitValues = DigitValues();

bool UuidFromText(const char* text, char* bytes) {
  uint8_t wrong = 0;
  for (size_t i = 0; i < kUuidText; i += 2) {
    if (HasDash(i)) wrong |= text[i++] == '-' ? 0 : 16;
    const uint8_t high = kDigitValues[static_cast<uint8_t>(text[i])];
    const uint8_t low = kDigitValues[static_cast<uint8_t>(text[i + 1])];
    wrong |= high | low;
    *bytes++ = static_cast<char>(high << 4 | low);
  }
  return (wrong & 16) == 0;
}

void UuidToText(const char* bytes, char* text) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (size_t i = 0; i < kUuidText; i += 2) {
    if (HasDash(i)) text[i++] = '-';
    const auto byte = static_cast<uint8_t>(*bytes++);
    text[i] = kDigits[byte >> 4];
    text[i + 1] = kDigits[byte & 15];
  }
}

// A match of four bytes is written in two and may part a run of literals in two, so that nothing
// grows but by the lengths of such runs.
constexpr size_t kPackedMax = kPackedRecordMax + kPackedRecordMax / kLiteralsMax + 2;

class Packer {
 public:
  explicit Packer(absl::string_view record) : end_(kSampleSize + record.size()) {
    std::memcpy(text_.data(), kSample, kSampleSize);
    std::memcpy(text_.data() + kSampleSize, record.data(), record.size());
  }

  // Valid while this lives.
  absl::string_view Pack() {
    Put(kPacked);
    size_t at = kSampleSize;
    while (at + kMatchMin <= end_) {
      if (IsUuidNext(at)) {
        at = Uuid(at);
        continue;
      }
      uint16_t& newest = places_[PlaceOf(Load(text_.data() + at))];
      const size_t from = newest;
      newest = static_cast<uint16_t>(at);
      const size_t length = MatchOf(from, at);
      at = length == 0 ? at + 1 : Match(from, at, length);
    }
    Literals(end_);
    return {packed_.data(), size_};
  }

 private:
  void Put(size_t byte) { packed_[size_++] = static_cast<char>(byte); }

  // Behind its length, as messages have it.
  bool IsUuidNext(size_t at) const {
    const char* text = text_.data() + at;
    return text[-1] == kUuidText && at + kUuidText <= end_ && text[8] == '-';
  }

  size_t Uuid(size_t at) {
    std::array<char, kUuidBytes> bytes;
    Remember(at);
    if (!UuidFromText(text_.data() + at, bytes.data())) return at + 1;
    Literals(at);
    Put(kUuid);
    std::memcpy(packed_.data() + size_, bytes.data(), kUuidBytes);
    size_ += kUuidBytes;
    literals_ = at + kUuidText;
    return literals_;
  }

  void Remember(size_t at) {
    places_[PlaceOf(Load(text_.data() + at))] = static_cast<uint16_t>(at);
  }

  size_t MatchOf(size_t from, size_t at) const {
    const char* text = text_.data();
    if (from == 0 || at - from > kDistanceMax || Load(text + from) != Load(text + at)) return 0;
    size_t length = kMatchMin;
    while (at + length < end_ && text[from + length] == text[at + length]) ++length;
    return length;
  }

  size_t Match(size_t from, size_t at, size_t length) {
    Literals(at);
    const size_t distance = at - from;
    size_t rest = length - kMatchMin;
    const size_t first = std::min(rest, kLengthMax);
    Put(kMatch | first << 3 | distance >> 8);
    Put(distance & 255);
    if (first == kLengthMax) {
      for (rest -= kLengthMax; rest >= 255; rest -= 255) Put(255);
      Put(rest);
    }
    literals_ = at + length;
    // Every second place: what is like it is met a byte later at worst.
    for (size_t i = at + 1; i < literals_ && i + kMatchMin <= end_; i += 2) Remember(i);
    return literals_;
  }

  void Literals(size_t until) {
    while (literals_ < until) {
      const size_t count = std::min(until - literals_, kLiteralsMax);
      Put(count - 1);
      std::memcpy(packed_.data() + size_, text_.data() + literals_, count);
      size_ += count;
      literals_ += count;
    }
  }

  std::array<char, kSampleSize + kPackedRecordMax> text_;
  const size_t end_;
  Places places_ = kPlacesOfSample;
  size_t literals_ = kSampleSize;  // those from here on are not written yet
  std::array<char, kPackedMax> packed_;
  size_t size_ = 0;
};

class Unpacker {
 public:
  explicit Unpacker(absl::string_view packed) : rest_(packed) {
    std::memcpy(text_.data(), kSample, kSampleSize);
  }

  absl::StatusOr<std::string> Unpack() {
    while (!rest_.empty()) {
      const auto token = static_cast<uint8_t>(rest_[0]);
      rest_.remove_prefix(1);
      const bool is_sound =
          token >= kMatch ? Match(token) : (token == kUuid ? Uuid() : Literals(token + size_t{1}));
      if (!is_sound) return absl::DataLossError("a packed journal record is damaged");
    }
    return std::string(text_.data() + kSampleSize, size_ - kSampleSize);
  }

 private:
  bool HasRoom(size_t count) const { return count <= text_.size() - size_; }

  bool Literals(size_t count) {
    if (rest_.size() < count || !HasRoom(count)) return false;
    std::memcpy(text_.data() + size_, rest_.data(), count);
    size_ += count;
    rest_.remove_prefix(count);
    return true;
  }

  bool Uuid() {
    if (rest_.size() < kUuidBytes || !HasRoom(kUuidText)) return false;
    UuidToText(rest_.data(), text_.data() + size_);
    size_ += kUuidText;
    rest_.remove_prefix(kUuidBytes);
    return true;
  }

  bool Match(uint8_t token) {
    if (rest_.empty()) return false;
    const size_t distance = (token & size_t{7}) << 8 | static_cast<uint8_t>(rest_[0]);
    rest_.remove_prefix(1);
    size_t length = kMatchMin + (token >> 3 & kLengthMax);
    if (length == kMatchMin + kLengthMax && !MoreLength(length)) return false;
    if (distance == 0 || distance > size_ || !HasRoom(length)) return false;
    // The two may overlap: then the bytes repeat.
    for (const size_t end = size_ + length; size_ < end; ++size_) {
      text_[size_] = text_[size_ - distance];
    }
    return true;
  }

  bool MoreLength(size_t& length) {
    while (!rest_.empty() && HasRoom(length)) {
      const auto more = static_cast<uint8_t>(rest_[0]);
      rest_.remove_prefix(1);
      length += more;
      if (more < 255) return true;
    }
    return false;
  }

  absl::string_view rest_;
  std::array<char, kSampleSize + kPackedRecordMax> text_;
  size_t size_ = kSampleSize;
};

}  // namespace

std::string PackRecord(absl::string_view record) {
  const bool looks_packed = !record.empty() && (record[0] == kPacked || record[0] == kPlain);
  if (record.size() <= kPackedRecordMax) {
    Packer packer(record);
    const absl::string_view packed = packer.Pack();
    if (packed.size() < record.size()) return std::string(packed);
  }
  std::string plain;
  if (looks_packed) plain.push_back(kPlain);
  plain.append(record.data(), record.size());
  return plain;
}

absl::StatusOr<std::string> UnpackRecord(std::string stored) {
  if (stored.empty()) return stored;
  if (stored[0] == kPacked) return Unpacker(absl::string_view(stored).substr(1)).Unpack();
  if (stored[0] == kPlain) stored.erase(0, 1);
  return stored;
}

}  // namespace perdure::store::postgres
