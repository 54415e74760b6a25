// Runs that fit a query, fetched a page at a time.
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "perdure/client_calls.h"

namespace perdure {

// An input range: begin() starts from the first page; incrementing may call the server, and throw
// RpcError.
class WorkflowList {
 public:
  class iterator {
   public:
    using value_type = WorkflowExecution;
    using difference_type = std::ptrdiff_t;
    using reference = const WorkflowExecution&;
    using pointer = const WorkflowExecution*;
    using iterator_concept = std::input_iterator_tag;

    reference operator*() const { return state_->page.executions[state_->index]; }
    pointer operator->() const { return &**this; }
    iterator& operator++() {
      ++state_->index;
      state_->fill();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const {
      return state_->index == state_->page.executions.size();
    }

   private:
    friend class WorkflowList;
    struct State {
      // Leaves index on a run, or at the end of all.
      void fill();
      std::shared_ptr<ClientCalls> calls;
      ListInput input;
      ListOutput page;
      std::size_t index = 0;
      bool is_started = false;
    };
    // Shared by copies of the iterator, which, as of any input iterator, are at one place.
    std::shared_ptr<State> state_;
  };

  WorkflowList(std::shared_ptr<ClientCalls> calls, ListInput input)
      : calls_(std::move(calls)), input_(std::move(input)) {}
  iterator begin() const;
  std::default_sentinel_t end() const { return {}; }

 private:
  std::shared_ptr<ClientCalls> calls_;
  ListInput input_;
};

}  // namespace perdure
