#include "store/sql/migrations.h"

#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace perdure::store::sql {

absl::Status CheckSchemaVersion(int64_t found, const std::vector<Migration>& migrations) {
  const int64_t known = migrations.empty() ? 0 : migrations.back().version;
  if (found <= known) return absl::OkStatus();
  return base::FailedPrecondition(
      absl::StrCat("the database has schema version ", found, ", this server knows versions up to ",
                   known, ": start the server version that last ran on it, or a newer one"));
}

}  // namespace perdure::store::sql
