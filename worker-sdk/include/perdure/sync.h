// What coroutines of one workflow share: semaphores, mutexes, channels.
#pragma once

#include <deque>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "perdure/wait.h"

namespace perdure::workflow {

namespace detail {
// A place among those that wait for the same thing; who came first is served first. Given up when
// it is destroyed: where the wait is canceled, or the run leaves memory.
class Turn {
 public:
  using Line = std::vector<const Turn*>;
  explicit Turn(Line* of) : line_(of) { line_->push_back(this); }
  Turn(const Turn&) = delete;
  ~Turn() { GiveUp(); }
  bool HasCome() const { return line_->front() == this; }
  void GiveUp() { std::erase(*line_, this); }

 private:
  Line* const line_;
};
}  // namespace detail

// So many at a time; waiters are served in the order in which they came. Keep it in the workflow
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
    detail::Turn mine(&waiting_);
    co_await until([this, &mine] {
      if (free_ == 0 || !mine.HasCome()) return false;
      --free_;
      mine.GiveUp();
      return true;
    });
    co_return permit(this);
  }

 private:
  std::size_t free_;
  detail::Turn::Line waiting_;
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
    detail::Turn mine(&pushing_);
    co_await until([this, &mine] {
      if (!is_closed_ && (is_full() || !mine.HasCome())) return false;
      mine.GiveUp();
      return true;
    });
    CheckOpen();
    values_.push_back(std::move(value));
  }
  // False where it is full, or others wait to push; throws as push() does.
  bool try_push(T value) {
    CheckOpen();
    if (is_full() || !pushing_.empty()) return false;
    values_.push_back(std::move(value));
    return true;
  }
  // Waits for a value; nullopt once the channel is closed and empty.
  task<std::optional<T>> pop() {
    std::optional<T> value;
    detail::Turn mine(&popping_);
    co_await until([this, &value, &mine] {
      if (values_.empty() ? !is_closed_ : !mine.HasCome()) return false;
      mine.GiveUp();
      if (values_.empty()) return true;
      value = std::move(values_.front());
      values_.pop_front();
      return true;
    });
    co_return value;
  }
  void close() { is_closed_ = true; }
  std::size_t size() const { return values_.size(); }

 private:
  bool is_full() const { return values_.size() >= capacity_; }
  void CheckOpen() const {
    if (is_closed_) throw std::logic_error("push to a closed channel");
  }

  const std::size_t capacity_;
  std::deque<T> values_;
  detail::Turn::Line pushing_, popping_;
  bool is_closed_ = false;
};

}  // namespace perdure::workflow
