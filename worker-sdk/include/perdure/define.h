// How a class says what kind of workflow it is.
//
//   struct Order {
//     perdure::task<Receipt> run(Cart cart);             // the main function: a coroutine
//     void approve(std::string by);                      // a signal; may also return task<void>
//     int items() const;                                 // a query: const, so that it cannot
//     change anything perdure::task<int> add(Item item);                 // an update; may also
//     return a plain value void check_add(const Item& item) const;            // its validator:
//     const; an exception refuses the update
//
//     using handlers = perdure::define<perdure::entry<&Order::run>,
//     perdure::signal<&Order::approve>,
//                                      perdure::query<&Order::items>, perdure::update<&Order::add,
//                                      &Order::check_add>>;
//   };
//
// Names on the wire are the class's (of the workflow type) and the functions'; another is given as
// the last argument: entry<&Order::run, "order">, signal<&Order::approve, "Approve">. A constructor
// that takes what the main function takes is given the input before anything else happens; else the
// class is default-constructed.
#pragma once

#include <memory>
#include <type_traits>

#include "perdure/codec.h"
#include "perdure/detail/members.h"
#include "perdure/options.h"

namespace perdure {

// May a workflow end while this handler runs? `warn` logs a warning when it does.
enum class unfinished { warn, abandon };

// The main function; `Name` is the workflow type.
template <auto M, fixed_string Name = "">
struct entry {
  static_assert(detail::returns_task<M>,
                "the main function of a workflow must return perdure::task<...>");
  static constexpr auto kind = detail::HandlerKind::entry;
  static constexpr auto member = M;
  static constexpr std::string_view name = Name.view();
  template <class W>
  static constexpr detail::Handler make() {
    return {.kind = kind, .name = name, .run = &detail::RunMember<W, M, false>};
  }
};

template <auto M, fixed_string Name = "", unfinished Policy = unfinished::warn>
struct signal {
  static_assert(std::is_void_v<detail::result_of<M>>,
                "a signal handler returns void or task<void>");
  static constexpr auto kind = detail::HandlerKind::signal;
  static constexpr auto member = M;
  static constexpr std::string_view name = detail::NameOr<M>(Name.view());
  template <class W>
  static constexpr detail::Handler make() {
    return {.kind = kind,
            .name = name,
            .abandons_unfinished = Policy == unfinished::abandon,
            .run = &detail::RunMember<W, M, false>};
  }
};

template <auto M, fixed_string Name = "">
struct query {
  static_assert(detail::traits_of<M>::is_const, "a query handler must be a const member function");
  static_assert(!detail::returns_task<M>,
                "a query handler answers at once: it cannot be a coroutine");
  static_assert(!std::is_void_v<detail::result_of<M>>, "a query handler returns something");
  static constexpr auto kind = detail::HandlerKind::query;
  static constexpr auto member = M;
  static constexpr std::string_view name = detail::NameOr<M>(Name.view());
  template <class W>
  static constexpr detail::Handler make() {
    return {.kind = kind, .name = name, .query = &detail::QueryMember<W, M, false>};
  }
};

// V: the validator, or nullptr.
template <auto M, auto V = nullptr, fixed_string Name = "", unfinished Policy = unfinished::warn>
struct update {
  static constexpr auto kind = detail::HandlerKind::update;
  static constexpr auto member = M;
  static constexpr std::string_view name = detail::NameOr<M>(Name.view());
  template <class W>
  static constexpr detail::Handler make() {
    detail::Handler handler{.kind = kind,
                            .name = name,
                            .abandons_unfinished = Policy == unfinished::abandon,
                            .run = &detail::RunMember<W, M, false>};
    if constexpr (detail::is_given<V>) {
      static_assert(detail::traits_of<V>::is_const,
                    "an update's validator must be a const member function");
      static_assert(std::is_void_v<typename detail::traits_of<V>::result>,
                    "a validator returns void; it throws to refuse");
      static_assert(std::is_same_v<detail::member_inputs<M>, detail::member_inputs<V>>,
                    "a validator takes what its update takes");
      handler.validate = &detail::ValidateMember<W, V, false>;
    }
    return handler;
  }
};

// For what no other handler takes: (std::string name, Payloads input).
template <auto M>
struct dynamic_signal {
  static constexpr auto kind = detail::HandlerKind::dynamic_signal;
  static constexpr auto member = M;
  static constexpr std::string_view name = "";
  template <class W>
  static constexpr detail::Handler make() {
    return {.kind = kind, .run = &detail::RunMember<W, M, true>};
  }
};
template <auto M>
struct dynamic_query {
  static_assert(detail::traits_of<M>::is_const, "a query handler must be a const member function");
  static constexpr auto kind = detail::HandlerKind::dynamic_query;
  static constexpr auto member = M;
  static constexpr std::string_view name = "";
  template <class W>
  static constexpr detail::Handler make() {
    return {.kind = kind, .query = &detail::QueryMember<W, M, true>};
  }
};
template <auto M, auto V = nullptr>
struct dynamic_update {
  static constexpr auto kind = detail::HandlerKind::dynamic_update;
  static constexpr auto member = M;
  static constexpr std::string_view name = "";
  template <class W>
  static constexpr detail::Handler make() {
    detail::Handler handler{.kind = kind, .run = &detail::RunMember<W, M, true>};
    if constexpr (detail::is_given<V>) handler.validate = &detail::ValidateMember<W, V, true>;
    return handler;
  }
};

template <class... H>
struct define {
  static_assert(((H::kind == detail::HandlerKind::entry ? 1 : 0) + ... + 0) == 1,
                "a workflow has exactly one entry");

  // The workflow type on the wire.
  static constexpr std::string_view type_name() {
    std::string_view name;
    static_cast<void>(
        ((H::kind == detail::HandlerKind::entry && (name = EntryName<H>(), true)) || ...));
    return name;
  }
  // The name on the wire of a handler, by its member function.
  template <auto M>
  static constexpr std::string_view name_of() {
    static_assert((detail::is_same_function<H::member, M>() || ...),
                  "this function is no handler of its workflow");
    std::string_view name;
    static_cast<void>(
        ((detail::is_same_function<H::member, M>() && (name = H::name, true)) || ...));
    return name;
  }
  // Inside of the SDK: the table of W, whose handlers these are.
  template <class W>
  static const detail::HandlerTable& table(detail::VersioningBehavior versioning) {
    static constexpr detail::Handler kHandlers[] = {H::template make<W>()...};
    static const detail::HandlerTable kTable = {
        .type = type_name(),
        .versioning_behavior = versioning,
        .handlers = kHandlers,
        .construct = &Construct<W>,
        .destroy = [](void* object) { std::destroy_at(static_cast<W*>(object)); },
        .object_size = sizeof(W)};
    return kTable;
  }

 private:
  template <class E>
  static constexpr std::string_view EntryName() {
    if constexpr (E::kind != detail::HandlerKind::entry)
      return "";
    else
      return E::name.empty() ? detail::type_name_of<detail::owner_of<E::member>> : E::name;
  }
  template <class W>
  static void Construct(void* memory, const Payloads& input) {
    static_assert(alignof(W) <= alignof(std::max_align_t),
                  "a workflow class must not be over-aligned");
    (ConstructBy<W, H>(memory, input), ...);
  }
  template <class W, class E>
  static void ConstructBy(void* memory, const Payloads& input) {
    if constexpr (E::kind == detail::HandlerKind::entry) {
      ConstructFrom<W, E::member>(memory, input,
                                  std::type_identity<detail::member_inputs<E::member>>());
    }
  }
  template <class W, auto M, class... A>
  static void ConstructFrom(void* memory, const Payloads& input,
                            std::type_identity<std::tuple<A...>>) {
    // Not of aggregates, whose fields parentheses would fill.
    if constexpr (sizeof...(A) > 0 && !std::is_aggregate_v<W> && std::is_constructible_v<W, A...>) {
      std::tuple<A...> inputs = detail::DecodeInputs<M>(type_name(), input, false);
      std::apply(
          [&](auto&... one) { std::construct_at(static_cast<W*>(memory), std::move(one)...); },
          inputs);
    } else {
      static_assert(std::is_default_constructible_v<W>,
                    "a workflow class is constructible from its input, or by default");
      std::construct_at(static_cast<W*>(memory));
    }
  }
};

namespace detail {

// `static constexpr auto versioning = perdure::versioning_behavior::pinned;` in the class says how
// its runs follow deployments.
template <class W>
WorkflowDefinition definition_of() {
  VersioningBehavior versioning = VersioningBehavior::unspecified;
  if constexpr (requires { W::versioning; }) versioning = W::versioning;
  const HandlerTable& table = W::handlers::template table<W>(versioning);
  return {std::string(table.type), table.versioning_behavior,
          [&table](const ProgramOptions& options) { return MakeProgram(table, options); }};
}

}  // namespace detail
}  // namespace perdure
