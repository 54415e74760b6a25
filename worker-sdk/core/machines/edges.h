// What the machines of commands are made of: a table of edges, looked up by state and input.
//
// A machine is plain data; what happens at an edge is with the caller (core/state.h). An input that
// has no edge is refused and changes nothing: the caller reports it, as history or workflow code
// did what cannot be.
#pragma once

#include <cstddef>

namespace perdure::core {

template <class State, class Input>
struct Edge {
  State from;
  Input on;
  State to;
};

// Two edges that leave one state on one input would make the later one dead.
template <class State, class Input, std::size_t N>
constexpr bool IsUnambiguous(const Edge<State, Input> (&edges)[N]) {
  for (std::size_t i = 0; i < N; ++i) {
    for (std::size_t j = i + 1; j < N; ++j) {
      if (edges[i].from == edges[j].from && edges[i].on == edges[j].on) return false;
    }
  }
  return true;
}

// Takes the machine's edge for `input`; false where there is none.
template <class Machine>
constexpr bool Take(Machine& machine, typename Machine::Input input) {
  for (const auto& edge : Machine::kEdges) {
    if (edge.from == machine.state && edge.on == input) {
      machine.state = edge.to;
      return true;
    }
  }
  return false;
}

}  // namespace perdure::core
