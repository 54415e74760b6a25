#include "store/postgres/packing.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "gtest/gtest.h"

namespace perdure::store::postgres {
namespace {

constexpr char kRun[] = "01a2053b-9efb-77e8-ac76-a6e78a788487";

// A record that begins as those of runs do.
std::string FirstRecord() {
  return absl::StrCat("\x08\x01\x12z\nx\x08\x01\x12\x07order-1\x1a$", kRun, "\"$", kRun,
                      "\x12\x02\x08\n\x18\x01");
}

void ExpectComesBack(const std::string& record) {
  const auto unpacked = UnpackRecord(PackRecord(record));
  ASSERT_TRUE(unpacked.ok()) << unpacked.status();
  EXPECT_EQ(*unpacked, record);
}

TEST(Packing, ComesBack) {
  for (const std::string& record :
       {std::string(), std::string("\x01"), std::string("\x02\x01"), std::string("abc"),
        FirstRecord(), std::string(kPackedRecordMax, 'x'), std::string(kPackedRecordMax + 1, 'x'),
        std::string(kPackedRecordMax + 1, '\x01'),
        // UUIDs: at the end, cut, with capitals and with dashes amiss.
        absl::StrCat("$", kRun), absl::StrCat("$", kRun).substr(0, 36),
        std::string("$01A2053B-9EFB-77E8-AC76-A6E78A788487xxxxxxxxxxxx"),
        std::string("$01a2053b-9efb-77e8-ac76aa6e78a788487xxxxxxxxxxxx"),
        std::string("$01a2053b-9efb-77e8-ac76-a6e78a78848gxxxxxxxxxxxx")}) {
    ExpectComesBack(record);
  }
}

// Matches of every length, near and too far, and literals between them.
TEST(Packing, ComesBackWhateverItHolds) {
  base::Random random(1);
  for (int round = 0; round < 3000; ++round) {
    std::string record;
    const uint64_t size = random.Below(kPackedRecordMax);
    while (record.size() < size) {
      switch (random.Below(4)) {
        case 0:
          record.append(random.Below(600), static_cast<char>(random.Below(256)));
          break;
        case 1:
          record.append(record.substr(random.Below(record.size() + 1), random.Below(300)));
          break;
        case 2:
          absl::StrAppend(&record, "$", kRun);
          break;
        default:
          for (uint64_t i = random.Below(200); i > 0; --i) {
            record.push_back(static_cast<char>(random.Below(256)));
          }
      }
    }
    record.resize(size);
    ExpectComesBack(record);
    EXPECT_LE(PackRecord(record).size(), record.size() + 1);
  }
}

TEST(Packing, MakesARecordOfARunShorter) {
  EXPECT_LT(PackRecord(FirstRecord()).size(), FirstRecord().size() / 2);
}

// The sample belongs to the format: rows that were written are read for ever.
TEST(Packing, ReadsWhatWasWritten) {
  const std::string written = absl::HexStringToBytes(
      "01a80f09076f726465722d311a247f01a2053b9efb77e8ac76a6e78a7884870022f8261280cd011801");
  const auto unpacked = UnpackRecord(written);
  ASSERT_TRUE(unpacked.ok()) << unpacked.status();
  EXPECT_EQ(*unpacked, FirstRecord());
  // As far back and as long as the sample: the whole of it, by its FNV-1a.
  const auto sample = UnpackRecord(absl::HexStringToBytes("01fa39ffff28"));
  ASSERT_TRUE(sample.ok()) << sample.status();
  uint64_t hash = 14695981039346656037U;
  for (const char c : *sample) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211U;
  EXPECT_EQ(hash, 3000975012298946325U);
}

TEST(Packing, ReadsWhatIsNotPacked) {
  EXPECT_EQ(*UnpackRecord(FirstRecord()), FirstRecord());
  EXPECT_EQ(*UnpackRecord(""), "");
}

TEST(Packing, RefusesWhatIsDamaged) {
  // Literals that are not there, half a UUID, no distance, a distance of nothing, one from before
  // the sample, a length without end, more than a record may hold.
  for (const char* hex : {"0105", "017f0000", "0180", "018000", "0187ff", "01f801ffff",
                          "010041f801ffffffffffffffffffff00"}) {
    EXPECT_TRUE(absl::IsDataLoss(UnpackRecord(absl::HexStringToBytes(hex)).status())) << hex;
  }
  // A letter, repeated up to the longest record, and once more.
  const std::string longest = "010041f801ffffffffffffff";
  EXPECT_EQ(*UnpackRecord(absl::HexStringToBytes(longest + "f3")),
            std::string(kPackedRecordMax, 'A'));
  EXPECT_TRUE(absl::IsDataLoss(UnpackRecord(absl::HexStringToBytes(longest + "f4")).status()));
  base::Random random(2);
  for (int round = 0; round < 100000; ++round) {
    std::string bytes = "\x01";
    for (uint64_t i = random.Below(40); i > 0; --i) {
      bytes.push_back(static_cast<char>(random.Below(256)));
    }
    const auto unpacked = UnpackRecord(bytes);
    if (unpacked.ok()) {
      EXPECT_LE(unpacked->size(), kPackedRecordMax);
    }
  }
}

}  // namespace
}  // namespace perdure::store::postgres
