// What the compiler tells of a function: its arguments, its result, its name.
#pragma once

#include <string_view>
#include <tuple>
#include <type_traits>

namespace perdure {

template <class T>
class task;

// A name as a template argument: entry<&W::run, "order">.
template <std::size_t N>
struct fixed_string {
  char text[N]{};
  constexpr fixed_string(const char (&from)[N]) {
    for (std::size_t i = 0; i < N; ++i) text[i] = from[i];
  }
  constexpr std::string_view view() const { return {text, N - 1}; }
};

namespace detail {

template <class F>
struct function_traits;
template <class R, class... A>
struct function_traits<R (*)(A...)> {
  using result = R;
  using owner = void;
  using parameters = std::tuple<A...>;
  static constexpr bool is_const = true;
};
template <class R, class C, class... A>
struct function_traits<R (C::*)(A...)> {
  using result = R;
  using owner = C;
  using parameters = std::tuple<A...>;
  static constexpr bool is_const = false;
};
template <class R, class C, class... A>
struct function_traits<R (C::*)(A...) const> {
  using result = R;
  using owner = C;
  using parameters = std::tuple<A...>;
  static constexpr bool is_const = true;
};
template <class R, class... A>
struct function_traits<R (*)(A...) noexcept> : function_traits<R (*)(A...)> {};
template <class R, class C, class... A>
struct function_traits<R (C::*)(A...) noexcept> : function_traits<R (C::*)(A...)> {};
template <class R, class C, class... A>
struct function_traits<R (C::*)(A...) const noexcept> : function_traits<R (C::*)(A...) const> {};

// The result without the coroutine around it.
template <class T>
struct unwrapped {
  using type = T;
  static constexpr bool is_task = false;
};
template <class T>
struct unwrapped<task<T>> {
  using type = T;
  static constexpr bool is_task = true;
};

template <class Tuple>
struct decayed;
template <class... A>
struct decayed<std::tuple<A...>> {
  using type = std::tuple<std::remove_cvref_t<A>...>;
};
// Without the first element where that is `Drop&`: the context parameter of an activity is no
// input.
template <class Drop, class Tuple>
struct without_first {
  using type = Tuple;
  static constexpr bool dropped = false;
};
template <class Drop, class... A>
struct without_first<Drop, std::tuple<Drop&, A...>> {
  using type = std::tuple<A...>;
  static constexpr bool dropped = true;
};

template <auto F>
using traits_of = function_traits<std::remove_cv_t<decltype(F)>>;
template <auto F>
using result_of = typename unwrapped<typename traits_of<F>::result>::type;
template <auto F>
inline constexpr bool returns_task = unwrapped<typename traits_of<F>::result>::is_task;
template <auto F>
using owner_of = typename traits_of<F>::owner;

template <auto V>
constexpr std::string_view raw_name() {
  return __PRETTY_FUNCTION__;
}
// "... [with auto V = &ns::Order::approve; ...]" and "[V = &ns::approve]" both give "approve".
constexpr std::string_view last_name(std::string_view text) {
  text.remove_prefix(text.find("V = ") + 4);
  std::size_t end = 0;
  for (int depth = 0; end < text.size(); ++end) {
    const char c = text[end];
    if (c == '<') ++depth;
    if (c == '>') --depth;
    if (depth == 0 && (c == ';' || c == ']')) break;
  }
  text = text.substr(0, end);
  while (!text.empty() && (text.back() == ')' || text.back() == ' ')) text.remove_suffix(1);
  const auto start = text.find_last_of(":& (.");
  return start == text.npos ? text : text.substr(start + 1);
}
// The name of a function or member function, without namespace and class.
template <auto V>
inline constexpr std::string_view name_of = last_name(raw_name<V>());

template <class T>
constexpr std::string_view raw_type_name() {
  return __PRETTY_FUNCTION__;
}
constexpr std::string_view last_type_name(std::string_view text) {
  text.remove_prefix(text.find("T = ") + 4);
  text = text.substr(0, text.find_first_of(";]"));
  const auto arguments = text.find('<');
  const auto start = text.substr(0, arguments).rfind("::");
  return start == text.npos ? text : text.substr(start + 2);
}
// The name of a class, without its namespace.
template <class T>
inline constexpr std::string_view type_name_of = last_type_name(raw_type_name<T>());

}  // namespace detail
}  // namespace perdure
