// Programs that must not compile, one for each CASE; tests/cpp/consumer/CMakeLists.txt has the
// reasons.
#include "perdure/activity.h"
#include "perdure/client.h"
#include "perdure/workflow.h"

using namespace std::chrono_literals;
namespace workflow = perdure::workflow;

struct Order {
  std::string id;
};
int charge(const Order& order);

#if CASE == 1
// On compilers that destroy such temporaries twice only.
perdure::task<int> Pay() {
  co_return co_await workflow::activity<&charge>(Order{"o-1"}, {.start_to_close = 1s});
}
#elif CASE == 2
perdure::task<int> Pay(int n) {
  auto later = [n]() -> perdure::task<int> { co_return n; };
  co_return co_await later();
}
#elif CASE == 3
perdure::task<int> Pay(std::string_view text) { co_return static_cast<int>(text.size()); }
#elif CASE == 4
struct W {
  perdure::task<void> run() { co_return; }
  int state() { return 1; }
  using handlers = perdure::define<perdure::entry<&W::run>, perdure::query<&W::state> >;
};
auto definition = perdure::detail::definition_of<W>();
#elif CASE == 5
struct W {
  int run() { return 1; }
  using handlers = perdure::define<perdure::entry<&W::run> >;
};
auto definition = perdure::detail::definition_of<W>();
#elif CASE == 6
perdure::task<int> Pay(std::string&& text) { co_return static_cast<int>(text.size()); }
#elif CASE == 7
struct W {
  perdure::task<void> run() { co_return; }
  void poke() {}
  using handlers = perdure::define<perdure::entry<&W::run> >;
};
auto name = W::handlers::name_of<&W::poke>();
#elif CASE == 8
perdure::task<int> Pay() {
  Order order{"o"};
  co_return co_await workflow::activity<&charge>(order, {.start_to_close = 10});
}
#elif CASE == 9
class Opaque {
 public:
  explicit Opaque(int) {}

 private:
  int hidden_ = 0;
};
auto payload = perdure::encode(Opaque(1));
#elif CASE == 10
struct W {
  perdure::task<void> run() {
    workflow::on_signal("wait", [this](int n) -> perdure::task<void> {
      co_await workflow::sleep(std::chrono::seconds(n));
      ++waited;
    });
    co_return;
  }
  int waited = 0;
  using handlers = perdure::define<perdure::entry<&W::run> >;
};
auto definition = perdure::detail::definition_of<W>();
#elif CASE == 11
// On compilers that destroy such temporaries twice only.
perdure::task<int> ask(std::string whom) {
  co_return co_await perdure::activity::async<int>(
      [whom](perdure::completer<int> done) { done.complete(static_cast<int>(whom.size())); });
}
#endif
