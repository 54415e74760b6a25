// Fuzz target: no text may crash the filter parser or make it disagree with itself.
//
//   clang++ -fsanitize=fuzzer,address ... ; ./filter_fuzz corpus/
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "query/filter.h"
#include "query/matches.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using perdure::query::Type;
  static const perdure::query::AttributeTypes custom = {
      {"A", Type::kText}, {"B", Type::kKeyword},  {"C", Type::kInt},        {"D", Type::kDouble},
      {"E", Type::kBool}, {"F", Type::kDatetime}, {"G", Type::kKeywordList}};
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto query = perdure::query::ParseQuery(text, custom, /*allow_group_by=*/true);
  if (!query.ok()) {
    PERDURE_CHECK(query.status().code() == absl::StatusCode::kInvalidArgument);
    return 0;
  }
  // What was accepted can be evaluated, on nulls at least.
  const auto lookup = [](const perdure::query::Field&) { return perdure::query::Value(); };
  (void)perdure::query::Matches(query->filter.get(), lookup);
  return 0;
}
