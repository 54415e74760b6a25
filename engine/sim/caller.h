// Who calls servers until one of them says something definite: the base of the world's clients.
// Loop-bound to the world's loop.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "sim/ledger.h"
#include "sim/network.h"

namespace perdure::sim {

inline bool IsPassing(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
      return true;
    default:
      return false;
  }
}

class Caller : public std::enable_shared_from_this<Caller> {
 public:
  virtual ~Caller() = default;

 protected:
  Caller(Scheduler& scheduler, SimLoop& world, Network& network, Ledger& ledger)
      : world_(world), network_(network), ledger_(ledger), random_(scheduler.random().Next()) {}

  // Until something definite is said; `passing` answers are counted. Each try goes to another
  // server.
  template <class Request, class Response>
  void CallUntilAnswered(const char* method, const Request& request, absl::Duration timeout,
                         absl::AnyInvocable<void(absl::StatusOr<Response>) &&> done) {
    network_.Call<Request, Response>(
        server_, method, request, timeout,
        [self = shared_from_this(), this, method, request, timeout, began = ledger_.Tick(),
         done = std::move(done)](absl::StatusOr<Response> response) mutable {
          if (response.ok() || !IsPassing(response.status())) {
            try_began_ = began;
            return std::move(done)(std::move(response));
          }
          ledger_.Count(
              absl::StrCat("client retry ", absl::StatusCodeToString(response.status().code())));
          server_ = (server_ + 1) % network_.server_count();
          Later(20 + Below(700),
                [this, method, request, timeout, done = std::move(done)]() mutable {
                  CallUntilAnswered<Request, Response>(method, request, timeout, std::move(done));
                });
        });
  }
  void Later(int64_t milliseconds, runtime::Task task) {
    world_.After(
        absl::Milliseconds(milliseconds),
        [self = shared_from_this(), task = std::move(task)]() mutable { std::move(task)(); });
  }
  int64_t Below(int64_t bound) {
    return static_cast<int64_t>(random_.Below(static_cast<uint64_t>(bound)));
  }
  void AskAnyServer() { server_ = static_cast<int>(Below(network_.server_count())); }

  SimLoop& world_;
  Network& network_;
  Ledger& ledger_;
  base::Random random_;
  int server_ = 0;
  int64_t try_began_ = 0;  // of the last try of what is answered
};

}  // namespace perdure::sim
