#include "store/sql/packing.h"

#include <zstd.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/check.h"
#include "store/sql/record_dictionary.h"

namespace perdure::store::sql {
namespace {

// No message begins with a byte below 8.
constexpr char kPacked = 1;
constexpr char kPlain = 2;
// Each frame begins with it, so it is not stored.
constexpr absl::string_view kMagic("\x28\xb5\x2f\xfd", 4);
// Of zstd: the fastest one that also packs single letters. Others save a twentieth more at twice
// the time.
constexpr int kLevel = 1;
// Longer ones hold payloads above all. Far less than what a message may have.
constexpr size_t kRecordMax = 1 << 16;

template <class Context, size_t (*kFree)(Context*)>
struct Freed {
  void operator()(Context* context) const { kFree(context); }
};
using Compression = std::unique_ptr<ZSTD_CCtx, Freed<ZSTD_CCtx, ZSTD_freeCCtx>>;
using Decompression = std::unique_ptr<ZSTD_DCtx, Freed<ZSTD_DCtx, ZSTD_freeDCtx>>;

// Made once, and never freed.
const ZSTD_CDict* PackingDictionary() {
  static const ZSTD_CDict* const dictionary =
      ZSTD_createCDict(RecordDictionary().data(), RecordDictionary().size(), kLevel);
  return dictionary;
}

const ZSTD_DDict* UnpackingDictionary() {
  static const ZSTD_DDict* const dictionary =
      ZSTD_createDDict(RecordDictionary().data(), RecordDictionary().size());
  return dictionary;
}

Compression NewCompression() {
  Compression made(ZSTD_createCCtx());
  // The dictionary is always the same.
  PERDURE_CHECK(ZSTD_isError(ZSTD_CCtx_setParameter(made.get(), ZSTD_c_dictIDFlag, 0)) == 0 &&
                ZSTD_isError(ZSTD_CCtx_refCDict(made.get(), PackingDictionary())) == 0);
  return made;
}

std::string Plain(absl::string_view record) {
  std::string plain;
  if (!record.empty() && (record[0] == kPacked || record[0] == kPlain)) plain.push_back(kPlain);
  plain.append(record.data(), record.size());
  return plain;
}

absl::Status Damaged() { return absl::DataLossError("a packed journal record is damaged"); }

}  // namespace

std::string PackRecord(absl::string_view record) {
  if (record.size() > kRecordMax) return Plain(record);
  thread_local const Compression compression = NewCompression();
  std::string packed(ZSTD_compressBound(record.size()), '\0');
  const size_t size =
      ZSTD_compress2(compression.get(), packed.data(), packed.size(), record.data(), record.size());
  PERDURE_CHECK(ZSTD_isError(size) == 0);
  // One byte stands for the magic number.
  if (size - kMagic.size() + 1 >= record.size()) return Plain(record);
  packed[kMagic.size() - 1] = kPacked;
  return packed.substr(kMagic.size() - 1, size - kMagic.size() + 1);
}

absl::StatusOr<std::string> UnpackRecord(std::string stored) {
  if (stored.empty()) return stored;
  if (stored[0] == kPlain) return stored.substr(1);
  if (stored[0] != kPacked) return stored;
  stored.replace(0, 1, kMagic.data(), kMagic.size());
  const uint64_t size = ZSTD_getFrameContentSize(stored.data(), stored.size());
  // Also more than what the two errors are.
  if (size > kRecordMax) return Damaged();
  thread_local const Decompression decompression(ZSTD_createDCtx());
  std::string record(size, '\0');
  const size_t written =
      ZSTD_decompress_usingDDict(decompression.get(), record.data(), record.size(), stored.data(),
                                 stored.size(), UnpackingDictionary());
  if (ZSTD_isError(written) != 0 || written != size) return Damaged();
  return record;
}

}  // namespace perdure::store::sql
