#include "store/sqlite/log_copier.h"

#include <utility>

#include "base/log.h"

namespace perdure::store::sqlite {
namespace {

// Few enough that a commit behind them notices nothing.
constexpr int64_t kRestPages = 64;
// The writer may add as fast as pages are copied; then it has to copy the more itself.
constexpr int kCopiesMax = 4;
// Of the log's largest size: where commits begin to wait for a copy under way.
constexpr int64_t kWaitFactor = 4;
constexpr absl::Duration kPauseAfterFailure = absl::Seconds(1);

}  // namespace

LogCopier::LogCopier(std::unique_ptr<Connection> connection, Worker& writer, int64_t pages_max)
    : connection_(std::move(connection)),
      writer_(writer),
      pages_max_(pages_max),
      next_at_(pages_max),
      thread_([this] { Run(); }) {
  writer_.Post([this](Connection* written) {
    if (written != nullptr) written->WhenLogGrows([this](int64_t pages) { LogGrew(pages); });
  });
}

void LogCopier::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    is_stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void LogCopier::LogGrew(int64_t pages) {
  absl::MutexLock lock(&mutex_);
  log_pages_ = pages;
  if (pages >= kWaitFactor * pages_max_) {
    mutex_.Await(absl::Condition(this, &LogCopier::IsNotCopying));
  }
}

void LogCopier::Run() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &LogCopier::IsDue));
      if (is_stopping_) return;
    }
    const Round round = CopyAll();
    absl::MutexLock lock(&mutex_);
    switch (round) {
      case Round::kComplete:
        next_at_ = pages_max_;
        break;
      case Round::kFailed:
        mutex_.AwaitWithTimeout(absl::Condition(&is_stopping_), kPauseAfterFailure);
        [[fallthrough]];
      case Round::kHeldBack:
        next_at_ = log_pages_ + pages_max_ / 4 + 1;
        break;
    }
  }
}

LogCopier::Round LogCopier::CopyAll() {
  const absl::StatusOr<Connection::Log> log = CopyWhatThereIs();
  absl::StatusOr<bool> is_complete = false;
  if (!log.ok()) {
    is_complete = log.status();
  } else if (log->pages - log->copied < pages_max_) {
    is_complete = CopyRest();
  }
  if (is_complete.ok()) return *is_complete ? Round::kComplete : Round::kHeldBack;
  base::LogWarning("the database's log can't be copied into it; it grows until it can",
                   {{"error", is_complete.status()}});
  return Round::kFailed;
}

absl::StatusOr<Connection::Log> LogCopier::CopyWhatThereIs() {
  absl::StatusOr<Connection::Log> log = Connection::Log{};
  for (int i = 0; i < kCopiesMax; ++i) {
    {
      absl::MutexLock lock(&mutex_);
      if (is_stopping_) break;
      is_copying_ = true;
    }
    log = CopyOnce();
    absl::MutexLock lock(&mutex_);
    is_copying_ = false;
    if (!log.ok()) break;
    // The commits that came meanwhile count too.
    log->pages = log_pages_;
    if (log->pages - log->copied <= kRestPages) break;
  }
  return log;
}

absl::StatusOr<Connection::Log> LogCopier::CopyOnce() {
  absl::StatusOr<Connection::Log> log = connection_->CopyLog();
  // SQLite leaves this to the copy that ends, and that one is the writer's.
  const absl::Status status = log.ok() ? connection_->SyncDatabase() : absl::OkStatus();
  if (!status.ok()) return status;
  return log;
}

absl::StatusOr<bool> LogCopier::CopyRest() {
  {
    absl::MutexLock lock(&mutex_);
    is_rest_asked_ = true;
  }
  writer_.Post([this](Connection* written) {
    absl::StatusOr<bool> is_complete = false;
    if (written != nullptr) {
      const absl::StatusOr<Connection::Log> log = written->CopyLog();
      if (log.ok()) {
        is_complete = log->copied == log->pages;
      } else {
        is_complete = log.status();
      }
    }
    absl::MutexLock done(&mutex_);
    if (is_complete.ok() && *is_complete) log_pages_ = 0;
    rest_ = std::move(is_complete);
    is_rest_asked_ = false;
  });
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &LogCopier::HasRestEnded));
  return rest_;
}

}  // namespace perdure::store::sqlite
