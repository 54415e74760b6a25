#include "store/postgres/pool.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "base/log.h"
#include "store/checks.h"

namespace perdure::store::postgres {
namespace {

constexpr absl::Duration kPauseFirst = absl::Milliseconds(50);
// One that was promoted is to be found soon; nine connections that try this often are no storm.
constexpr absl::Duration kPauseMax = absl::Milliseconds(700);
constexpr absl::Duration kErrorLogInterval = absl::Seconds(10);

uint64_t SeedFor(const void* object) {
  return static_cast<uint64_t>(absl::GetCurrentTimeNanos()) ^ reinterpret_cast<uintptr_t>(object);
}

}  // namespace

Session::Session(const PostgresOptions& options, Connection::Use use,
                 std::unique_ptr<Connection> connection, const Lineage& lineage)
    : options_(options),
      use_(use),
      connection_(std::move(connection)),
      lineage_(lineage),
      random_(SeedFor(&options_) ^ static_cast<uint64_t>(use)) {}

absl::StatusOr<std::unique_ptr<Connection>> Session::Open() const {
  auto opened = Connection::Open(options_, use_);
  if (!opened.ok()) return opened;
  const absl::Status status = lineage_.CheckServer((*opened)->lineage());
  if (!status.ok()) return status;
  return opened;
}

Connection* Session::current() const {
  const bool is_usable = connection_ != nullptr && !connection_->is_lost() &&
                         lineage_.CheckServer(connection_->lineage()).ok();
  return is_usable ? connection_.get() : nullptr;
}

absl::StatusOr<Connection*> Session::Get() {
  if (Connection* usable = current(); usable != nullptr) {
    pause_ = absl::ZeroDuration();
    return usable;
  }
  const absl::Time now = absl::Now();
  if (now < next_try_) return last_error_;
  auto opened = Open();
  if (opened.ok()) {
    ++opened_;
    connection_ = *std::move(opened);
    next_try_ = absl::InfinitePast();
    return connection_.get();
  }
  pause_ = std::clamp(2 * pause_, kPauseFirst, kPauseMax);
  next_try_ = absl::Now() + pause_ * (0.5 + random_.Unit());
  // It says where the database is: for the log, not for those who call the server.
  if (now - error_logged_ >= kErrorLogInterval) {
    base::LogWarning("the database can't be reached", {{"error", opened.status().message()}});
    error_logged_ = now;
  }
  last_error_ = absl::UnavailableError("the database can't be reached now, try again");
  return last_error_;
}

Pool::Pool(const PostgresOptions& options, Connection::Use use, int64_t connections,
           const Lineage& lineage) {
  for (int64_t i = 0; i < connections; ++i) {
    threads_.emplace_back(
        [this, options, use, &lineage] { Run(Session(options, use, nullptr, lineage)); });
  }
}

Pool::~Pool() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
  // A job may ask for more; those queue up here too.
  while (true) {
    std::deque<Job> rest;
    {
      absl::MutexLock lock(&mutex_);
      rest.swap(queue_);
    }
    if (rest.empty()) return;
    for (Job& job : rest) std::move(job)(ClosedError());
  }
}

void Pool::Post(Job job) {
  absl::MutexLock lock(&mutex_);
  queue_.push_back(std::move(job));
}

void Pool::Run(Session session) {
  while (true) {
    Job job;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &Pool::HasWork));
      if (stopping_) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    std::move(job)(session.Get());
  }
}

}  // namespace perdure::store::postgres
