// Fuzz target: no bytes of a row may crash who unpacks them, and what is packed comes back.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "store/sql/packing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using perdure::store::sql::PackRecord;
  using perdure::store::sql::UnpackRecord;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  (void)UnpackRecord(bytes);
  const std::string packed = PackRecord(bytes);
  PERDURE_CHECK(packed.size() <= size + 1);
  const auto unpacked = UnpackRecord(packed);
  PERDURE_CHECK(unpacked.ok());
  PERDURE_CHECK(*unpacked == bytes);
  return 0;
}
