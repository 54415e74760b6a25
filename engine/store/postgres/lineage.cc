#include "store/postgres/lineage.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "store/checks.h"
#include "store/postgres/statements.h"

namespace perdure::store::postgres {
namespace {

// What is lost at a failover are the last moments.
constexpr size_t kNewestMax = 512;

}  // namespace

absl::Status Lineage::CheckServer(const std::string& lineage) const {
  absl::MutexLock lock(&mutex_);
  if (!past_.contains(lineage)) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("postgres: the server of lineage ", lineage,
                                             " was replaced by that of lineage ", current_,
                                             "; is it still running?"));
}

void Lineage::Registered(IncarnationId incarnation, const std::string& lineage) {
  absl::MutexLock lock(&mutex_);
  if (!current_.empty() && !lineage.empty() && current_ != lineage) {
    past_.insert(current_);
    over_.insert(incarnation_);
  }
  // Numbers begin anew where the database went back.
  over_.erase(incarnation);
  incarnation_ = incarnation;
  current_ = lineage;
}

absl::Status Lineage::CheckIncarnation(IncarnationId incarnation, const std::string& lineage) {
  absl::MutexLock lock(&mutex_);
  const bool was_over = over_.contains(incarnation);
  if (!was_over && (incarnation != incarnation_ || lineage == current_)) return absl::OkStatus();
  if (!was_over) {
    over_.insert(incarnation);
    ++changes_;
    base::LogError(
        "the database is not the one it was: a replica was promoted or a backup restored; all that "
        "is cached is forgotten",
        {{"incarnation", incarnation.value()}, {"lineage_before", current_}, {"lineage", lineage}});
  }
  return FencedError(incarnation);
}

void Lineage::Lost(int64_t records, bool is_same) {
  absl::MutexLock lock(&mutex_);
  lost_records_ += records;
  if (is_same) {
    over_.insert(incarnation_);
    ++changes_;
  }
}

int64_t Lineage::changes() const {
  absl::MutexLock lock(&mutex_);
  return changes_;
}

int64_t Lineage::lost_records() const {
  absl::MutexLock lock(&mutex_);
  return lost_records_;
}

void Acknowledged::Add(const std::vector<RunChange>& changes, const std::string& lineage) {
  lineage_ = lineage;
  for (const RunChange& change : changes) {
    if (change.is_erased) {
      newest_.erase(
          std::remove_if(newest_.begin(), newest_.end(),
                         [&change](const Record& record) { return record.key == change.key; }),
          newest_.end());
    } else if (!change.records.empty()) {
      newest_.push_back({change.key, change.records.back().sequence});
    }
  }
  while (newest_.size() > kNewestMax) newest_.pop_front();
}

absl::Status Acknowledged::Verify(Connection& connection, Lineage& lineage) {
  if (newest_.empty()) return absl::OkStatus();
  Array shards(TypeOid::kInt16);
  Array numbers(TypeOid::kInt64);
  Array sequences(TypeOid::kInt32);
  for (const Record& record : newest_) {
    shards.Add(int64_t{record.key.shard.value()});
    numbers.Add(record.key.number.value());
    sequences.Add(record.sequence);
  }
  const auto lost =
      connection.Run(kLostRecords, Parameters().Add(shards).Add(numbers).Add(sequences));
  if (!lost.ok()) return lost.status();
  if (lost->size() > 0) {
    base::LogError(
        "the database went back: commits that it had acknowledged are not there; what depended on "
        "them outside is now ahead of the workflows",
        {{"records_lost", int64_t{lost->size()}},
         {"records_looked_for", static_cast<int64_t>(newest_.size())},
         {"example_shard", lost->Int(0, 0)},
         {"example_number", lost->Int(0, 1)},
         {"example_sequence", lost->Int(0, 2)},
         {"lineage_before", lineage_},
         {"lineage", connection.lineage()}});
    lineage.Lost(lost->size(), connection.lineage() == lineage_);
  }
  newest_.clear();
  return absl::OkStatus();
}

}  // namespace perdure::store::postgres
