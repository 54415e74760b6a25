// Runs an asynchronous step over a list, one item after the other, and stops at the first error.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "store/store.h"

namespace perdure::frontend {

template <class Item>
void RunInOrder(std::vector<Item> items, std::function<void(const Item&, store::Done)> step,
                store::Done done) {
  // Shared by the steps, of which one is under way at a time.
  struct State {
    std::vector<Item> items;
    std::function<void(const Item&, store::Done)> step;
    store::Done done;
    size_t next = 0;

    static void Go(std::shared_ptr<State> state) {
      if (state->next == state->items.size()) {
        std::move(state->done)(absl::OkStatus());
        return;
      }
      const Item& item = state->items[state->next++];
      state->step(item, [state](absl::Status status) {
        if (!status.ok()) {
          std::move(state->done)(std::move(status));
          return;
        }
        Go(state);
      });
    }
  };
  State::Go(std::make_shared<State>(State{std::move(items), std::move(step), std::move(done)}));
}

}  // namespace perdure::frontend
