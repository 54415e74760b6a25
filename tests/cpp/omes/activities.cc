#include "activities.h"

#include <algorithm>
#include <random>

#include "perdure/worker.h"

namespace omes {

using namespace std::chrono_literals;

void noop() {}

perdure::task<void> delay(google::protobuf::Duration duration) {
  co_await perdure::activity::sleep(to_nanoseconds(duration));
}

std::vector<std::uint8_t> payload(std::vector<std::uint8_t>, std::int32_t bytes_to_return) {
  std::mt19937 engine(std::random_device{}());
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(std::max(bytes_to_return, 0)));
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(engine());
  return bytes;
}

void resources(perdure::activity_context& context, Activities::ResourcesActivity activity) {
  const auto end = std::chrono::steady_clock::now() + to_nanoseconds(activity.run_for());
  std::vector<char> memory(activity.bytes_to_allocate());
  constexpr std::size_t kPage = 4096;
  std::uint32_t iterations = 0;
  std::size_t at = 0;
  while (std::chrono::steady_clock::now() < end) {
    context.throw_if_cancelled();
    if (!memory.empty()) {
      ++memory[at];
      at = (at + kPage) % memory.size();
    }
    if (activity.cpu_yield_every_n_iterations() != 0 &&
        ++iterations % activity.cpu_yield_every_n_iterations() == 0)
      context.sleep_for(std::chrono::milliseconds(activity.cpu_yield_for_ms()));
  }
}

void retryable_error(perdure::activity_context& context,
                     Activities::RetryableErrorActivity activity) {
  if (context.info().attempt <= activity.fail_attempts())
    throw perdure::ApplicationError("a later attempt succeeds", {.type = "RetryableError"});
}

perdure::task<void> timeout(perdure::activity_context& context,
                            Activities::TimeoutActivity activity) {
  const bool fails = context.info().attempt <= activity.fail_attempts();
  co_await perdure::activity::sleep(
      to_nanoseconds(fails ? activity.failure_duration() : activity.success_duration()));
}

perdure::task<void> heartbeat(perdure::activity_context& context,
                              Activities::HeartbeatTimeoutActivity activity) {
  if (context.info().attempt <= activity.fail_attempts()) {
    co_await perdure::activity::sleep(to_nanoseconds(activity.failure_duration()));
    co_return;
  }
  std::chrono::nanoseconds left = to_nanoseconds(activity.success_duration());
  const std::chrono::nanoseconds interval = to_nanoseconds(activity.heartbeat_interval());
  while (interval > 0ns && left > 0ns) {
    context.heartbeat();
    const std::chrono::nanoseconds part = std::min(left, interval);
    co_await perdure::activity::sleep(part);
    left -= part;
  }
  if (left > 0ns) co_await perdure::activity::sleep(left);
  context.heartbeat();
}

void add_activities(perdure::Worker* worker, ClientActions& client_actions) {
  worker->activity<&noop>()
      .activity<&delay>()
      .activity<&payload>()
      .activity<&resources>()
      .activity<&retryable_error>()
      .activity<&timeout>()
      .activity<&heartbeat>()
      .activity<&ClientActions::run>(client_actions, "client");
}

}  // namespace omes
