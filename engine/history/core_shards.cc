// Which shards a Core serves: how they come and go, and what workflow ids are in use in them.
#include <algorithm>
#include <utility>

#include "history/core.h"
#include "machines/workflow/decide/task.h"

namespace perdure::history {

void Core::Serve(base::IncarnationId incarnation) {
  incarnation_ = incarnation;
  committer_->set_incarnation(incarnation);
  last_number_ = 0;
  shard_states_.assign(base::kShardCount, ShardState::kElsewhere);
  shards_.clear();
  is_serving_ = true;
  ++life_;
  to_erase_.clear();
  due_checked_ = store::DueCursor::EndOf(loop_.Now());
  next_due_check_ = absl::InfiniteFuture();
  known_ids_.Clear();
  ids_to_learn_.clear();
  ids_until_anew_ = 0;
  has_too_many_ids_ = false;
  evict_timer_ = loop_.AtLeisure(absl::Seconds(5), [this] { EvictIdle(); });
}

void Core::StopServing() {
  if (!is_serving_) return;
  is_serving_ = false;
  shard_states_.assign(base::kShardCount, ShardState::kElsewhere);
  for (int64_t& life : shard_lives_) ++life;
  loop_.Cancel(due_timer_);
  due_timer_ = 0;
  next_due_check_ = absl::InfiniteFuture();
  loop_.Cancel(evict_timer_);
  std::vector<ExecutionPtr> all;
  for (const auto& [key, execution] : by_run_) all.push_back(execution);
  std::sort(all.begin(), all.end(),
            [](const ExecutionPtr& a, const ExecutionPtr& b) { return a->key < b->key; });
  for (const ExecutionPtr& execution : all) {
    execution->is_dropped = true;
    Drop(execution);
  }
}

void Core::AddShards(const std::vector<store::ShardOwner>& shards) {
  std::vector<base::ShardId> added;
  for (const store::ShardOwner& owner : shards) {
    const auto shard = static_cast<size_t>(owner.shard.value());
    if (owner.owner != incarnation_ || shard_states_[shard] == ShardState::kServed) continue;
    shard_states_[shard] = ShardState::kServed;
    ++shard_lives_[shard];
    served_since_[shard] = loop_.Now();
    last_number_ = std::max(last_number_, owner.last_number.value());
    shards_.push_back(owner.shard);
    added.push_back(owner.shard);
  }
  if (added.empty()) return;
  std::sort(shards_.begin(), shards_.end());
  std::sort(added.begin(), added.end());
  LearnIdsOf(added);
  CatchUp(std::move(added), store::DueCursor(), loop_.Now());
}

// Its worker would be told that there is no such task, and build the run anew from its history.
void Core::KeepSpeculativeTask(const ExecutionPtr& run) {
  machines::Decision kept =
      machines::DecideSpeculativeTaskKept(run->state, ContextFor(run->name_space));
  if (kept.record.changes_size() > 0) Apply(run, std::move(kept), [](absl::Status) {});
}

void Core::ReleaseShards(const std::vector<base::ShardId>& shards,
                         absl::AnyInvocable<void() &&> done) {
  std::vector<bool> is_leaving(base::kShardCount);
  for (const base::ShardId shard : shards) is_leaving[static_cast<size_t>(shard.value())] = true;
  std::vector<ExecutionPtr> runs;
  for (const auto& [key, execution] : by_run_) {
    if (is_leaving[static_cast<size_t>(execution->key.shard.value())]) runs.push_back(execution);
  }
  std::sort(runs.begin(), runs.end(),
            [](const ExecutionPtr& a, const ExecutionPtr& b) { return a->key < b->key; });
  for (const ExecutionPtr& run : runs) KeepSpeculativeTask(run);
  for (const base::ShardId shard : shards) {
    ShardState& state = shard_states_[static_cast<size_t>(shard.value())];
    if (state == ShardState::kServed) state = ShardState::kLeaving;
  }
  for (const ExecutionPtr& run : runs) {
    if (run->timer != 0) loop_.Cancel(run->timer);
    run->timer = 0;
    // A task that was handed out stays handed out.
    if (!run->unflushed.empty()) QueueCommit(run);
  }
  committer_->AfterAll(
      [this, life = life_, shards, runs = std::move(runs), done = std::move(done)]() mutable {
        if (is_serving_ && life == life_) {
          for (const ExecutionPtr& run : runs) {
            run->is_dropped = true;
            Drop(run);
          }
          for (const base::ShardId shard : shards) {
            ShardState& state = shard_states_[static_cast<size_t>(shard.value())];
            if (state == ShardState::kLeaving) state = ShardState::kElsewhere;
          }
          std::erase_if(shards_, [this](base::ShardId shard) {
            return shard_states_[static_cast<size_t>(shard.value())] == ShardState::kElsewhere;
          });
        }
        std::move(done)();
      });
}

// --- Workflow ids in use
// ------------------------------------------------------------------------------

void Core::KnowId(base::NamespaceNumber namespace_number, const std::string& workflow_id) {
  if (has_too_many_ids_) return;
  if (ids_to_learn_.empty() && known_ids_.size() >= ids_until_anew_) LearnIdsAnew();
  // After that: its commit is not there yet for those who learn.
  known_ids_.Add(namespace_number, workflow_id);
}

void Core::LearnIdsAnew() {
  known_ids_.Clear();
  LearnIdsOf(shards_);
}

void Core::LearnIdsOf(const std::vector<base::ShardId>& shards) {
  if (has_too_many_ids_) return;
  const bool is_at_rest = ids_to_learn_.empty();
  for (const base::ShardId shard : shards) {
    const bool goes_on = last_id_range_ > 0 && !ids_to_learn_.empty() &&
                         ids_to_learn_.back().number == last_id_range_ &&
                         ids_to_learn_.back().shards.end == shard && shard != shards.front();
    if (!goes_on) {
      ids_to_learn_.push_back({{.begin = shard, .end = shard}, ++last_id_range_, {}});
    }
    ids_to_learn_.back().shards.end = base::ShardId(shard.value() + 1);
    id_ranges_[static_cast<size_t>(shard.value())] = last_id_range_;
  }
  if (is_at_rest && !ids_to_learn_.empty()) LearnIds();
}

void Core::LearnIds() {
  constexpr int64_t kPage = 5000;
  const IdRange& range = ids_to_learn_.front();
  store_.CurrentWorkflows(range.shards, range.after, kPage,
                          [this, number = range.number,
                           life = life_](absl::StatusOr<std::vector<store::CurrentWorkflow>> page) {
                            loop_.Post([this, number, life, page = std::move(page)] {
                              const auto is_current = [this, number, life] {
                                return is_serving_ && life == life_ && !ids_to_learn_.empty() &&
                                       ids_to_learn_.front().number == number;
                              };
                              if (!is_current()) return;
                              if (!page.ok()) {
                                loop_.After(absl::Seconds(1), [this, is_current] {
                                  if (is_current()) LearnIds();
                                });
                                return;
                              }
                              for (const store::CurrentWorkflow& workflow : *page) {
                                known_ids_.Add(workflow.namespace_number,
                                               workflow.workflow_id.value());
                              }
                              // More are not worth their memory: every start looks into the store
                              // then.
                              constexpr int64_t kIdsMax = 20'000'000;
                              if (known_ids_.size() > kIdsMax) {
                                has_too_many_ids_ = true;
                                ids_to_learn_.clear();
                                return known_ids_.Clear();
                              }
                              if (static_cast<int64_t>(page->size()) == kPage) {
                                ids_to_learn_.front().after = page->back().key;
                                return LearnIds();
                              }
                              for (int64_t& of_shard : id_ranges_) {
                                if (of_shard == number) of_shard = 0;
                              }
                              ids_to_learn_.pop_front();
                              if (!ids_to_learn_.empty()) return LearnIds();
                              constexpr int64_t kIdsMin = 1'000'000;
                              ids_until_anew_ = std::max(kIdsMin, 2 * known_ids_.size());
                            });
                          });
}

}  // namespace perdure::history
