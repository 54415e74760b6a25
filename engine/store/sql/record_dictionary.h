// The dictionary of packed records (record_dictionary.zdict, embedded). It belongs to the format:
// rows that were written with it are read for ever, and another one needs another first byte.
#pragma once

#include "absl/strings/string_view.h"

namespace perdure::store::sql {

absl::string_view RecordDictionary();

}  // namespace perdure::store::sql
