#include "store/sql/packing.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "store/sql/record_dictionary.h"

namespace perdure::store::sql {
namespace {

constexpr char kRun[] = "01a2053b-9efb-77e8-ac76-a6e78a788487";

// A record that begins as those of runs do.
std::string FirstRecord() {
  return absl::StrCat("\x08\x01\x12z\nx\x08\x01\x12\x07order-1\x1a$", kRun, "\"$", kRun,
                      "\x12\x02\x08\n\x18\x01");
}

void ExpectComesBack(const std::string& record) {
  const std::string packed = PackRecord(record);
  EXPECT_LE(packed.size(), record.size() + 1);
  const auto unpacked = UnpackRecord(packed);
  ASSERT_TRUE(unpacked.ok()) << unpacked.status();
  EXPECT_EQ(*unpacked, record);
}

TEST(Packing, ComesBack) {
  for (const std::string& record :
       {std::string(), std::string("\x01"), std::string("\x02\x01"), std::string("\x02"),
        std::string("abc"), FirstRecord(), std::string(1 << 16, 'x'),
        std::string((1 << 16) + 1, 'x'), std::string((1 << 16) + 1, '\x01')}) {
    ExpectComesBack(record);
  }
}

TEST(Packing, ComesBackWhateverItHolds) {
  base::Random random(1);
  for (int round = 0; round < 1000; ++round) {
    std::string record;
    const uint64_t size = random.Below(4000);
    while (record.size() < size) {
      switch (random.Below(3)) {
        case 0:
          record.append(random.Below(600), static_cast<char>(random.Below(256)));
          break;
        case 1:
          record.append(record.substr(random.Below(record.size() + 1), random.Below(300)));
          break;
        default:
          for (uint64_t i = random.Below(200); i > 0; --i) {
            record.push_back(static_cast<char>(random.Below(256)));
          }
      }
    }
    ExpectComesBack(record);
  }
}

TEST(Packing, MakesARecordOfARunShorter) {
  EXPECT_LT(PackRecord(FirstRecord()).size(), FirstRecord().size() * 2 / 3);
}

// The dictionary belongs to the format: rows that were written are read for ever.
TEST(Packing, ReadsWhatWasWritten) {
  const auto unpacked = UnpackRecord(
      absl::HexStringToBytes("012063a50100e3c30ad3a7a23c56284a2765a43262481b464b5be218bb663cbbb6e74"
                             "f998b40ac67f09d8921b1262aa72a5913150100283d0a0a"));
  ASSERT_TRUE(unpacked.ok()) << unpacked.status();
  EXPECT_EQ(*unpacked, FirstRecord());
  uint64_t fnv_1a = 14695981039346656037U;
  for (const char c : RecordDictionary()) {
    fnv_1a = (fnv_1a ^ static_cast<uint8_t>(c)) * 1099511628211U;
  }
  EXPECT_EQ(fnv_1a, 11650200605821080558U);
}

TEST(Packing, ReadsWhatIsNotPacked) {
  EXPECT_EQ(*UnpackRecord(FirstRecord()), FirstRecord());
  EXPECT_EQ(*UnpackRecord(""), "");
}

TEST(Packing, RefusesWhatIsDamaged) {
  const std::string packed = PackRecord(FirstRecord());
  for (size_t size = 1; size < packed.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(UnpackRecord(packed.substr(0, size)).status())) << size;
  }
  EXPECT_TRUE(absl::IsDataLoss(UnpackRecord(packed + "x").status()));
  // A frame that says it holds 4 GB.
  EXPECT_TRUE(
      absl::IsDataLoss(UnpackRecord(absl::HexStringToBytes("01a0ffffffff010000")).status()));
  base::Random random(2);
  for (int round = 0; round < 100000; ++round) {
    std::string bytes = "\x01";
    for (uint64_t i = random.Below(40); i > 0; --i) {
      bytes.push_back(static_cast<char>(random.Below(256)));
    }
    (void)UnpackRecord(bytes);
  }
}

}  // namespace
}  // namespace perdure::store::sql
