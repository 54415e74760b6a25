// What coroutines of one workflow share: semaphores, mutexes, channels.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <stdexcept>
#include <utility>

#include "perdure/wait.h"

namespace perdure::workflow {

// One at a time; waiters are served in the order in which they came. Keep it in the workflow
// object.
class semaphore {
 public:
  explicit semaphore(std::size_t permits) : free_(permits) {}
  semaphore(const semaphore&) = delete;
  // Of one permit; gives it back when destroyed.
  class permit {
   public:
    explicit permit(semaphore* of) : of_(of) {}
    permit(permit&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    permit& operator=(permit&& other) noexcept {
      std::swap(of_, other.of_);
      return *this;
    }
    ~permit() { release(); }
    void release() {
      if (of_ != nullptr) ++std::exchange(of_, nullptr)->free_;
    }

   private:
    semaphore* of_;
  };
  task<permit> acquire() {
    const std::uint64_t mine = last_ticket_++;
    waiting_.push_back(mine);
    try {
      co_await until([this, mine] {
        if (free_ == 0 || waiting_.front() != mine) return false;
        --free_;
        waiting_.pop_front();
        return true;
      });
    } catch (...) {
      std::erase(waiting_, mine);
      throw;
    }
    co_return permit(this);
  }

 private:
  std::size_t free_;
  std::uint64_t last_ticket_ = 0;
  std::deque<std::uint64_t> waiting_;
};
class mutex : public semaphore {
 public:
  mutex() : semaphore(1) {}
  task<permit> lock() { return acquire(); }
};

// Values from those who push to those who pop, in order. Keep it in the workflow object.
template <class T>
class channel {
 public:
  explicit channel(std::size_t capacity = SIZE_MAX) : capacity_(capacity) {}
  channel(const channel&) = delete;
  // Waits while the channel is full. Throws std::logic_error once it is closed.
  task<void> push(T value) {
    co_await until([this] { return is_closed_ || values_.size() < capacity_; });
    CheckOpen();
    values_.push_back(std::move(value));
  }
  // False where it is full; throws as push() does.
  bool try_push(T value) {
    CheckOpen();
    if (values_.size() >= capacity_) return false;
    values_.push_back(std::move(value));
    return true;
  }
  // Waits for a value; nullopt once the channel is closed and empty.
  task<std::optional<T>> pop() {
    std::optional<T> value;
    co_await until([this, &value] {
      if (values_.empty()) return is_closed_;
      value = std::move(values_.front());
      values_.pop_front();
      return true;
    });
    co_return value;
  }
  void close() { is_closed_ = true; }
  std::size_t size() const { return values_.size(); }

 private:
  void CheckOpen() const {
    if (is_closed_) throw std::logic_error("push to a closed channel");
  }

  const std::size_t capacity_;
  std::deque<T> values_;
  bool is_closed_ = false;
};

}  // namespace perdure::workflow
