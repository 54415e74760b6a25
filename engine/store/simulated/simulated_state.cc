#include "store/simulated/simulated_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace perdure::store::simulated {
namespace {

absl::Time Floor(absl::Time time) { return absl::FromUnixMicros(absl::ToUnixMicros(time)); }

// What a database would give back for the row.
VisibilityRow AsStored(VisibilityRow row) {
  row.start_time = Floor(row.start_time);
  row.execution_time = Floor(row.execution_time);
  if (row.close_time.has_value()) {
    row.close_time = Floor(*row.close_time);
  } else {
    row.history_length = 0;
    row.history_size_bytes = 0;
    row.state_transition_count = 0;
  }
  for (auto entry = row.search_attributes.begin(); entry != row.search_attributes.end();) {
    if (auto* time = std::get_if<absl::Time>(&entry->second)) *time = Floor(*time);
    const bool is_null = std::holds_alternative<std::monostate>(entry->second);
    entry = is_null ? row.search_attributes.erase(entry) : std::next(entry);
  }
  return row;
}

absl::Status NameTaken(const std::string& name) {
  return base::NamespaceAlreadyExists(absl::StrCat("Namespace ", name, " already exists."));
}

}  // namespace

absl::Status SimulatedState::Commit(const CommitBatch& batch, int64_t& rows_written) {
  absl::MutexLock lock(&mutex_);
  absl::Status status = CheckBatch(batch);
  if (!status.ok()) return status;
  const auto incarnation = incarnations_.find(batch.incarnation);
  if (incarnation == incarnations_.end() || incarnation->second.is_fenced) {
    return FencedError(batch.incarnation);
  }
  Staged staged;
  for (const ExecutionCommit& commit : batch.executions) {
    status = Stage(commit, staged);
    if (!status.ok()) return status;
  }
  rows_written += staged.rows;
  Keep(std::move(staged));
  return absl::OkStatus();
}

absl::Status SimulatedState::Stage(const ExecutionCommit& commit, Staged& staged) {
  if (commit.create) return StageCreate(commit, staged);
  Run* run = Find(commit.key, staged);
  if (run == nullptr) return RunMissingError(commit.key);
  if (commit.erase) {
    staged.rows += 1 + run->journal_length + (run->snapshot ? 1 : 0) + (run->row ? 1 : 0);
    staged.runs[commit.key] = std::nullopt;
    return absl::OkStatus();
  }
  if (commit.become_current && !run->is_current &&
      HasCurrent({run->namespace_number, run->workflow_id}, staged)) {
    return CurrentTakenError(commit.key);
  }
  const bool updates =
      commit.become_current || commit.stop_being_current || commit.wake_at || commit.is_closed;
  staged.rows += updates ? 1 : 0;
  if (commit.become_current) run->is_current = true;
  if (commit.stop_being_current) run->is_current = false;
  return StageContents(commit, *run, staged);
}

absl::Status SimulatedState::StageCreate(const ExecutionCommit& commit, Staged& staged) {
  const ExecutionCommit::Create& create = *commit.create;
  if (Find(commit.key, staged) != nullptr) return CurrentTakenError(commit.key);
  if (create.is_current && HasCurrent({create.namespace_number, create.workflow_id}, staged)) {
    return CurrentTakenError(commit.key);
  }
  Run run;
  run.namespace_number = create.namespace_number;
  run.workflow_id = create.workflow_id;
  run.run_id = create.run_id;
  run.is_current = create.is_current;
  staged.rows += 1;
  auto& place = staged.runs[commit.key];
  place = std::move(run);
  return StageContents(commit, *place, staged);
}

absl::Status SimulatedState::StageContents(const ExecutionCommit& commit, Run& run,
                                           Staged& staged) {
  if (commit.wake_at) {
    run.wake_at.reset();
    if (commit.wake_at->has_value()) run.wake_at = Floor(**commit.wake_at);
  }
  if (commit.is_closed) run.is_closed = *commit.is_closed;
  if (commit.snapshot) run.snapshot = commit.snapshot;
  if (commit.visibility) run.row = AsStored(*commit.visibility);
  staged.rows += (commit.snapshot ? 1 : 0) + (commit.visibility ? 1 : 0);
  if (commit.journal_record.empty()) return absl::OkStatus();
  if (commit.journal_sequence != run.journal_length + 1) {
    return JournalGapError(commit.key, commit.journal_sequence);
  }
  run.journal_length += 1;
  staged.rows += 1;
  staged.records.emplace_back(commit.key, commit.journal_record);
  return absl::OkStatus();
}

SimulatedState::Run* SimulatedState::Find(const ExecutionKey& key, Staged& staged) {
  const auto found = staged.runs.find(key);
  if (found != staged.runs.end()) return found->second ? &*found->second : nullptr;
  const auto stored = runs_.find(key);
  if (stored == runs_.end()) return nullptr;
  auto& place = staged.runs[key];
  place = stored->second;
  return &*place;
}

bool SimulatedState::HasCurrent(const WorkflowKey& workflow, const Staged& staged) const {
  for (const auto& [key, run] : staged.runs) {
    if (run && run->is_current && run->namespace_number == workflow.first &&
        run->workflow_id == workflow.second) {
      return true;
    }
  }
  const auto current = current_.find(workflow);
  return current != current_.end() && staged.runs.count(current->second) == 0;
}

void SimulatedState::Keep(Staged staged) {
  for (const auto& [key, run] : staged.runs) {
    const auto stored = runs_.find(key);
    if (stored != runs_.end()) Unindex(key, stored->second);
    ExecutionNumber& last = last_numbers_[key.shard];
    last = std::max(last, key.number);
    if (!run) journals_.erase(key);
    if (!run && stored != runs_.end()) runs_.erase(stored);
  }
  for (auto& [key, run] : staged.runs) {
    if (!run) continue;
    Index(key, *run);
    runs_.insert_or_assign(key, *std::move(run));
  }
  for (auto& [key, record] : staged.records) journals_[key].push_back(std::move(record));
}

void SimulatedState::Unindex(const ExecutionKey& key, const Run& run) {
  const WorkflowKey workflow = {run.namespace_number, run.workflow_id};
  const auto runs = by_workflow_.find(workflow);
  runs->second.erase(run.run_id);
  if (runs->second.empty()) by_workflow_.erase(runs);
  if (run.is_current) current_.erase(workflow);
  if (run.wake_at) wakes_.erase({key.shard, *run.wake_at, key.number});
  if (run.row) order_.erase(OrderOf(run));
}

void SimulatedState::Index(const ExecutionKey& key, const Run& run) {
  const WorkflowKey workflow = {run.namespace_number, run.workflow_id};
  by_workflow_[workflow][run.run_id] = key;
  if (run.is_current) current_[workflow] = key;
  if (run.wake_at) wakes_.insert({key.shard, *run.wake_at, key.number});
  if (run.row) order_[OrderOf(run)] = key;
}

SimulatedState::OrderKey SimulatedState::OrderOf(const Run& run) {
  const int64_t close =
      run.row->close_time ? absl::ToUnixMicros(*run.row->close_time) : kOpenCloseTime;
  return {run.namespace_number, -close, -absl::ToUnixMicros(run.row->start_time),
          RunIdToBytes(run.run_id).value_or("")};
}

absl::StatusOr<LoadedExecution> SimulatedState::Load(NamespaceNumber namespace_number,
                                                     const WorkflowId& workflow_id,
                                                     const std::optional<RunId>& run_id) {
  absl::MutexLock lock(&mutex_);
  const absl::Status missing = base::NotFound("workflow execution not found");
  const WorkflowKey workflow = {namespace_number, workflow_id};
  LoadedExecution loaded;
  if (run_id.has_value()) {
    const auto runs = by_workflow_.find(workflow);
    if (runs == by_workflow_.end()) return missing;
    const auto run = runs->second.find(*run_id);
    if (run == runs->second.end()) return missing;
    loaded.key = run->second;
  } else {
    const auto current = current_.find(workflow);
    if (current == current_.end()) return missing;
    loaded.key = current->second;
  }
  const Run& run = runs_.at(loaded.key);
  loaded.namespace_number = run.namespace_number;
  loaded.workflow_id = run.workflow_id;
  loaded.run_id = run.run_id;
  loaded.is_current = run.is_current;
  loaded.is_closed = run.is_closed;
  loaded.wake_at = run.wake_at;
  loaded.snapshot = run.snapshot;
  const auto journal = journals_.find(loaded.key);
  if (journal == journals_.end()) return loaded;
  for (int64_t sequence = run.snapshot ? run.snapshot->sequence : 0;
       sequence < static_cast<int64_t>(journal->second.size()); ++sequence) {
    loaded.tail.push_back({sequence + 1, journal->second[static_cast<size_t>(sequence)]});
  }
  return loaded;
}

std::vector<JournalEntry> SimulatedState::ReadJournal(const JournalRange& range) {
  absl::MutexLock lock(&mutex_);
  std::vector<JournalEntry> entries;
  const auto journal = journals_.find(range.key);
  if (journal == journals_.end()) return entries;
  const auto length = static_cast<int64_t>(journal->second.size());
  const int64_t first = std::max<int64_t>(range.from_sequence, 1);
  const int64_t last = std::min(range.to_sequence, length);
  int64_t bytes = 0;
  for (int64_t i = 0; i <= last - first; ++i) {
    if (i == range.records_max || bytes >= range.bytes_max) break;
    const int64_t sequence = range.newest_first ? last - i : first + i;
    entries.push_back({sequence, journal->second[static_cast<size_t>(sequence - 1)]});
    bytes += static_cast<int64_t>(entries.back().record.size());
  }
  return entries;
}

DueExecution SimulatedState::ToDue(const ExecutionKey& key) const {
  const Run& run = runs_.at(key);
  return {key,        run.namespace_number, run.workflow_id,
          run.run_id, run.is_closed,        run.wake_at.value_or(absl::InfiniteFuture())};
}

std::vector<DueExecution> SimulatedState::Due(const std::vector<ShardId>& shards, DueCursor after,
                                              absl::Time until, int64_t limit) {
  absl::MutexLock lock(&mutex_);
  std::vector<std::tuple<absl::Time, ShardId, ExecutionNumber>> due;
  for (const ShardId shard : shards) {
    auto wake = wakes_.lower_bound({shard, after.wake_at, ExecutionNumber(0)});
    for (int64_t taken = 0; wake != wakes_.end() && taken < limit; ++wake) {
      const auto& [wake_shard, time, number] = *wake;
      if (wake_shard != shard || time > until) break;
      const bool is_before =
          std::tuple(time, ExecutionKey{shard, number}) <= std::tuple(after.wake_at, after.key);
      if (is_before) continue;
      ++taken;
      due.emplace_back(time, shard, number);
    }
  }
  std::sort(due.begin(), due.end());
  if (static_cast<int64_t>(due.size()) > limit) due.resize(static_cast<size_t>(limit));
  std::vector<DueExecution> found;
  for (const auto& [time, shard, number] : due) found.push_back(ToDue({shard, number}));
  return found;
}

std::optional<absl::Time> SimulatedState::EarliestWake(const std::vector<ShardId>& shards,
                                                       absl::Time after) {
  absl::MutexLock lock(&mutex_);
  std::optional<absl::Time> earliest;
  for (const ShardId shard : shards) {
    const auto wake = wakes_.upper_bound({shard, after, ExecutionNumber(INT64_MAX)});
    if (wake == wakes_.end() || std::get<0>(*wake) != shard) continue;
    earliest = std::min(earliest.value_or(absl::InfiniteFuture()), std::get<1>(*wake));
  }
  return earliest;
}

std::vector<CurrentWorkflow> SimulatedState::CurrentWorkflows(ShardRange shards, ExecutionKey after,
                                                              int64_t limit) {
  absl::MutexLock lock(&mutex_);
  std::vector<CurrentWorkflow> found;
  const ExecutionKey from = std::max(after, {shards.begin, ExecutionNumber(0)});
  for (auto run = runs_.upper_bound(from); run != runs_.end(); ++run) {
    if (run->first.shard >= shards.end || static_cast<int64_t>(found.size()) == limit) break;
    if (!run->second.is_current) continue;
    found.push_back({run->first, run->second.namespace_number, run->second.workflow_id});
  }
  return found;
}

std::vector<DueExecution> SimulatedState::RunsOfNamespace(NamespaceNumber number, int64_t limit) {
  absl::MutexLock lock(&mutex_);
  std::vector<DueExecution> found;
  for (const auto& [key, run] : runs_) {
    if (static_cast<int64_t>(found.size()) == limit) break;
    if (run.namespace_number == number) found.push_back(ToDue(key));
  }
  return found;
}

std::vector<NamespaceRow> SimulatedState::ListNamespaces() {
  absl::MutexLock lock(&mutex_);
  std::vector<NamespaceRow> rows;
  for (const auto& [number, row] : namespaces_) rows.push_back(row);
  return rows;
}

absl::StatusOr<NamespaceRow> SimulatedState::CreateNamespace(NamespaceRow row) {
  absl::MutexLock lock(&mutex_);
  for (const auto& [number, other] : namespaces_) {
    if (other.name == row.name || other.id == row.id) return NameTaken(row.name);
  }
  row.number = NamespaceNumber(++last_namespace_);
  row.version = 1;
  namespaces_[row.number] = row;
  ++registry_version_;
  return row;
}

absl::StatusOr<NamespaceRow> SimulatedState::UpdateNamespace(NamespaceRow row) {
  absl::MutexLock lock(&mutex_);
  const auto stored = namespaces_.find(row.number);
  if (stored == namespaces_.end()) return base::NamespaceNotFound(row.name);
  if (stored->second.version != row.version) {
    return base::FailedPrecondition(
        absl::StrCat("Namespace ", row.name, " was changed by someone else meanwhile."));
  }
  for (const auto& [number, other] : namespaces_) {
    if (number != row.number && other.name == row.name) return NameTaken(row.name);
  }
  row.id = stored->second.id;
  row.version += 1;
  ++registry_version_;
  stored->second = row;
  return row;
}

absl::Status SimulatedState::DeleteNamespace(NamespaceNumber number) {
  absl::MutexLock lock(&mutex_);
  namespaces_.erase(number);
  ++registry_version_;
  for (auto entry = attributes_.begin(); entry != attributes_.end();) {
    entry = entry->first.first == number ? attributes_.erase(entry) : std::next(entry);
  }
  return absl::OkStatus();
}

std::vector<SearchAttributeRow> SimulatedState::ListSearchAttributes() {
  absl::MutexLock lock(&mutex_);
  std::vector<SearchAttributeRow> rows;
  for (const auto& [key, type] : attributes_) rows.push_back({key.first, key.second, type});
  return rows;
}

absl::Status SimulatedState::AddSearchAttribute(const SearchAttributeRow& row) {
  const absl::Status status = CheckAttributeName(row.name);
  if (!status.ok()) return status;
  absl::MutexLock lock(&mutex_);
  const auto [place, is_new] = attributes_.try_emplace({row.namespace_number, row.name}, row.type);
  ++registry_version_;
  if (is_new || place->second == row.type) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat("Search attribute ", row.name, " is registered with another type."));
}

absl::Status SimulatedState::RemoveSearchAttribute(const SearchAttributeRow& row) {
  absl::MutexLock lock(&mutex_);
  ++registry_version_;
  if (attributes_.erase({row.namespace_number, row.name}) > 0) return absl::OkStatus();
  return base::NotFound(absl::StrCat("Search attribute ", row.name, " doesn't exist."));
}

std::optional<std::string> SimulatedState::GetSetting(const std::string& key) {
  absl::MutexLock lock(&mutex_);
  const auto found = settings_.find(key);
  if (found == settings_.end()) return std::nullopt;
  return found->second;
}

std::string SimulatedState::PutSettingIfAbsent(const std::string& key, const std::string& value) {
  absl::MutexLock lock(&mutex_);
  return settings_.try_emplace(key, value).first->second;
}

IncarnationId SimulatedState::RegisterIncarnation(const NodeFacts& node, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  const IncarnationId id(static_cast<int64_t>(incarnations_.size()) + 1);
  incarnations_[id] = {node, now};
  return id;
}

absl::StatusOr<ClusterState> SimulatedState::Heartbeat(IncarnationId id, bool is_leaving,
                                                       absl::Time now) {
  ClusterState state;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = incarnations_.find(id);
    if (found == incarnations_.end() || found->second.is_fenced) return FencedError(id);
    found->second.heartbeat_at = now;
    found->second.has_session = true;
    found->second.is_leaving = is_leaving;
    state.shards_version = shards_version_;
    state.registry_version = registry_version_;
  }
  state.incarnations = ListIncarnations(now);
  return state;
}

void SimulatedState::EndSession(IncarnationId id) {
  absl::MutexLock lock(&mutex_);
  const auto found = incarnations_.find(id);
  if (found != incarnations_.end()) found->second.has_session = false;
}

std::vector<Incarnation> SimulatedState::ListIncarnations(absl::Time now) {
  absl::MutexLock lock(&mutex_);
  std::vector<Incarnation> found;
  for (const auto& [id, row] : incarnations_) {
    found.push_back(
        {id, row.node, now - row.heartbeat_at, row.is_fenced, row.is_leaving, row.has_session});
  }
  return found;
}

absl::Status SimulatedState::Fence(IncarnationId id) {
  absl::MutexLock lock(&mutex_);
  const auto found = incarnations_.find(id);
  if (found != incarnations_.end()) found->second.is_fenced = true;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ShardOwner>> SimulatedState::ClaimShards(
    IncarnationId claimant, const std::vector<ShardId>& shards) {
  absl::MutexLock lock(&mutex_);
  const auto found = incarnations_.find(claimant);
  if (found == incarnations_.end() || found->second.is_fenced) return FencedError(claimant);
  for (const ShardId shard : shards) {
    const auto [place, is_free] = owners_.try_emplace(shard, claimant);
    if (!is_free && incarnations_[place->second].is_fenced) place->second = claimant;
  }
  ++shards_version_;
  std::vector<ShardOwner> owned;
  for (const auto& [shard, owner] : owners_) {
    if (owner == claimant) owned.push_back({shard, owner, last_numbers_[shard]});
  }
  return owned;
}

absl::Status SimulatedState::HandOver(IncarnationId from, IncarnationId to,
                                      const std::vector<ShardId>& shards) {
  absl::MutexLock lock(&mutex_);
  const auto giver = incarnations_.find(from);
  if (giver == incarnations_.end() || giver->second.is_fenced) return FencedError(from);
  const auto taker = incarnations_.find(to);
  if (taker == incarnations_.end() || taker->second.is_fenced || taker->second.is_leaving) {
    return CannotTakeError(to);
  }
  for (const ShardId shard : shards) {
    const auto place = owners_.find(shard);
    if (place != owners_.end() && place->second == from) place->second = to;
  }
  ++shards_version_;
  return absl::OkStatus();
}

std::vector<ShardOwner> SimulatedState::ListShards() {
  absl::MutexLock lock(&mutex_);
  std::vector<ShardOwner> found;
  for (const auto& [shard, owner] : owners_) found.push_back({shard, owner, ExecutionNumber(0)});
  return found;
}

uint64_t SimulatedState::Fingerprint() {
  absl::MutexLock lock(&mutex_);
  uint64_t hash = 14695981039346656037ULL;
  const auto mix = [&hash](absl::string_view bytes) {
    for (const char c : bytes) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211ULL;
    hash = (hash ^ bytes.size()) * 1099511628211ULL;
  };
  for (const auto& [key, run] : runs_) {
    mix(absl::StrCat(key.shard.value(), "/", key.number.value(), "/", run.is_current, "/",
                     run.is_closed, "/",
                     run.wake_at ? absl::ToUnixMicros(*run.wake_at) : int64_t{-1}));
    mix(run.workflow_id.value());
    mix(run.run_id.value());
    if (run.snapshot) mix(run.snapshot->bytes);
    if (run.row) mix(absl::StrCat(run.row->status, run.row->memo));
  }
  for (const auto& [key, journal] : journals_) {
    for (const std::string& record : journal) mix(record);
  }
  return hash;
}

}  // namespace perdure::store::simulated
