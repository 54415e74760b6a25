// A busy task queue at its home, spread over the other nodes that do matching: when it is split,
// how the others' waiting polls are called home, and when it is joined again (ARCHITECTURE.md,
// "Several nodes").
//
// Loop-bound. Owned by matching's engine, from a queue's first split until some time after its last
// join; the queue outlives it. A split costs one message a second to each other node.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "matching/matching.h"
#include "matching/task_queue.h"
#include "services/partitions.h"

namespace perdure::matching {

struct SpreadMetrics {
  base::Counter* splits = nullptr;  // all null: nothing is measured
  base::Counter* joins = nullptr;
  base::Counter* polls_sent_home = nullptr;
  base::Counter* matched = nullptr;
};
SpreadMetrics MakeSpreadMetrics(base::Metrics* metrics);
inline void Count(base::Counter* counter, int64_t by = 1) {
  if (counter != nullptr) counter->Add(static_cast<double>(by));
}

class Spread : public std::enable_shared_from_this<Spread> {
 public:
  // How long a partition lives that hears no more, and how often it hears.
  static constexpr absl::Duration kLease = absl::Seconds(3);
  static constexpr absl::Duration kRenewInterval = absl::Seconds(1);

  Spread(TaskQueue& queue, services::PartitionPeers& peers, runtime::Loop& loop,
         const SpreadOptions& options, SpreadMetrics metrics)
      : queue_(queue), peers_(peers), loop_(loop), options_(options), metrics_(metrics) {}
  // Before it is destroyed while the loop lives.
  void Close();

  // The queue has been busy for a second: time to split it, perhaps.
  void OnBusy();
  // A task or a query waits: the others are asked for polls.
  void OnLack();
  // A limit of the queue's rate holds for all its tasks together: with one, it is joined.
  void OnRateLimit();

  bool is_split() const { return is_split_; }
  // Joined, and free to be forgotten.
  bool IsOver() const { return !is_split_ && loop_.Now() >= pause_until_; }
  // Who has partitions, as far as is known here.
  std::vector<std::string> PartitionHolders() const;

 private:
  struct Holder {
    services::Member member;
    bool has_answered = false;
    uint64_t partition_id = 0;
    std::vector<int64_t> matched_counts;
    int64_t polls_waiting = 0;
    int64_t polls_asked = 0;  // by a request under way
    absl::Time asked_at = absl::InfinitePast();
  };
  using Report = perdure::internal::v1::HoldPartitionResponse;

  void Split();
  void Join(absl::Duration pause);
  void OnSecond();
  void Renew();
  void FindHolders();
  void Tell(Holder& holder, absl::Duration lease, int64_t polls_wanted);
  void OnReport(base::IncarnationId id, int64_t asked, absl::StatusOr<Report> report);
  void CountMatched(Holder& holder, const Report& report);
  void AskForPolls();
  void ArmAskTimer();
  int64_t Lack() const;

  TaskQueue& queue_;
  services::PartitionPeers& peers_;
  runtime::Loop& loop_;
  const SpreadOptions options_;
  const SpreadMetrics metrics_;

  bool is_split_ = false;
  int busy_seconds_ = 0;
  absl::Time last_busy_ = absl::InfinitePast();
  int calm_seconds_ = 0;
  int vain_seconds_ = 0;
  int64_t traffic_seen_ = 0;  // of the queue, at the last renewal
  // Since the last renewal.
  int64_t polls_called_ = 0;
  int64_t matched_elsewhere_ = 0;
  absl::Time pause_until_ = absl::InfinitePast();
  // Stay after a join, for their last reports.
  std::map<base::IncarnationId, Holder> holders_;
  int64_t polls_expected_ = 0;  // on their way home
  runtime::TimerId renew_timer_ = 0;
  runtime::TimerId ask_timer_ = 0;
};

}  // namespace perdure::matching
