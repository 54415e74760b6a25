#include "store/postgres/errors.h"

#include <libpq-fe.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace perdure::store::postgres {
namespace {

std::string Field(const PGresult* result, int field) {
  const char* text = PQresultErrorField(result, field);
  return text == nullptr ? "" : text;
}

}  // namespace

absl::Status StatusOfResult(const pg_result* result) {
  const std::string code = Field(result, PG_DIAG_SQLSTATE);
  const std::string text = Field(result, PG_DIAG_MESSAGE_PRIMARY);
  const std::string message = absl::StrCat("postgres: ", text, " (", code, ")");
  // What begins a commit raises these two.
  if (code == "PD001") return absl::AbortedError(text);
  if (code == "PD002") return absl::FailedPreconditionError(text);
  if (code == "23505") {
    // The parts of a table that is spread over several are named after it.
    const bool is_journal = absl::StartsWith(Field(result, PG_DIAG_TABLE_NAME), "journal");
    if (is_journal) {
      return absl::FailedPreconditionError("a journal sequence is not the next one");
    }
    return absl::AlreadyExistsError(message);
  }
  // Connection trouble, no resources, deadlock, serialization, cancelled by a timeout, shutting
  // down, read-only (a standby that has not been promoted yet): nothing was done, another try may
  // work.
  for (const absl::string_view prefix : {"08", "53", "40", "55", "57", "25006", "58"}) {
    if (absl::StartsWith(code, prefix)) return absl::UnavailableError(message);
  }
  if (code == "XX001" || code == "XX002") return absl::DataLossError(message);
  return absl::InternalError(message);
}

}  // namespace perdure::store::postgres
