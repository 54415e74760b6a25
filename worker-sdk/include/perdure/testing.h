// Testing workflows: the real engine in the test's process, on time that skips.
//
//   TEST(Order, IsRemindedAfterAWeek) {
//     perdure::testing::Environment env;
//     perdure::Worker worker(env.client(), env.worker("orders"));
//     worker.workflow<Order>();
//     perdure::testing::mock<&charge>(worker, [](const Cart&) { return Receipt{"paid"}; });
//     worker.start();
//     auto order = env.client().start<&Order::run>({.id = "o-1", .task_queue = "orders"}, cart);
//     env.sleep(std::chrono::days(7));
//     EXPECT_TRUE(order.query<&Order::is_reminded>());
//     order.signal<&Order::cancel>();
//     EXPECT_EQ(order.result(), ...);     // however many years that takes
//   }
//
// No server, no port, no waiting: while a client waits for an answer or env.sleep() lets time pass,
// everything that is ready runs, and time skips to the next timer when nothing is. When nothing is
// left that could ever happen, the call that waits fails with RpcError(FAILED_PRECONDITION), which
// says so. Activities run on threads of their own; time does not skip while one is at work.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "perdure/client.h"
#include "perdure/worker.h"

namespace perdure::testing {

enum class SearchAttributeType { text = 1, keyword, int_, double_, bool_, datetime, keyword_list };

struct EnvironmentOptions {
  // When virtual time begins.
  Timestamp start_time = std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);
  std::string namespace_ = "default";
  std::map<std::string, SearchAttributeType> search_attributes = {};
  // Of client() and its workers, as in ClientOptions.
  std::vector<std::shared_ptr<ClientInterceptor>> interceptors = {};
  std::vector<std::shared_ptr<ContextPropagator>> context_propagators = {};
  std::vector<std::shared_ptr<PayloadCodec>> codecs = {};
  bool encode_failure_attributes = false;
  std::shared_ptr<FailureConverter> failure_converter = {};
  std::shared_ptr<MetricsSink> metrics = {};
};

// One thread uses it: the test's. Workers are destroyed before it, clients and handles may outlive
// it.
class Environment {
 public:
  explicit Environment(EnvironmentOptions options = {});
  ~Environment();
  Environment(const Environment&) = delete;

  const Client& client() const;
  // Options for a worker of this queue. It forgets each workflow after each task, so that every
  // step is replayed from history and what is not deterministic is found; set `.cache` for another
  // way.
  WorkerOptions worker(std::string task_queue) const;

  Timestamp now() const;
  // Lets so much time pass.
  void sleep(std::chrono::nanoseconds duration);
  // Lets everything happen that needs no time.
  void settle();

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

// The worker runs `function` where workflows call the activity F. It takes what F takes (without a
// context) and returns what F returns; it may throw what an activity may throw.
template <auto F, class Function>
void mock(Worker& worker, Function function, std::string_view name = detail::name_of<F>) {
  using Inputs = typename detail::activity_call<F>::arguments;
  worker.add_activity({std::string(name),
                       [function = std::move(function)](
                           activity_context&, const Payloads& input) -> std::optional<Payload> {
                         using R = detail::result_of<F>;
                         Inputs inputs =
                             detail::input_codec<Inputs>::decode(input, detail::name_of<F>);
                         if constexpr (std::is_void_v<R>) {
                           std::apply(function, std::move(inputs));
                           return std::nullopt;
                         } else {
                           const std::remove_cvref_t<R> result =
                               std::apply(function, std::move(inputs));
                           return perdure::detail::encode_activity_result(result);
                         }
                       }});
}

}  // namespace perdure::testing
