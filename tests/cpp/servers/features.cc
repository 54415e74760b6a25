// All feature workflows against a server: `cpp_features PREFIX RUNS_IN_CACHE [ONLY [FOLDER]]`.
#include <functional>

#include "tests/cpp/servers/runner.h"

namespace perdure::testing::features {

class Features : public Runner {
 public:
  using Runner::Runner;

  int run_all() {
    const auto feature = [this](const std::string& name,
                                void (Features::*run)(const std::string&)) {
      add(name, [this, run](const std::string& own) {
        (this->*run)(own);
        replay(own, id_of(own));
      });
    };
    worker_ = worker(prefix());
    feature("failures", &Features::failures);
    feature("local", &Features::local);
    feature("local_backoff", &Features::local_backoff);
    feature("parent", &Features::parent);
    feature("continues", &Features::continues);
    feature("effects", &Features::effects);
    feature("shown", &Features::shown_in_lists);
    feature("patched", &Features::patched);
    feature("canceled", &Features::canceled);
    feature("cart", &Features::cart);
    return wait();
  }

 private:
  void failures(const std::string& name) {
    expect(start<&Failures::run>(name).result(), "Bad refused 7 final, twice, unknown, timeout");
  }
  void local(const std::string& name) { expect(start<&Local::run>(name).result(), "one3Noxy"); }
  void local_backoff(const std::string& name) {
    expect(start<&LocalBackoff::run>(name, std::chrono::seconds(4)).result(), 2);
  }
  void parent(const std::string& name) {
    expect(start<&Parent::run>(name).result(), "12 Negative canceled taken nobody");
    client().handle_by_name<void>(id_of(name) + "-kid-4").terminate("of no more use");
    replay("kid", id_of(name) + "-kid-1");
  }
  void continues(const std::string& name) {
    const auto run = start<&Continues::run>(name, 3, 0);
    expect(run.result(), 6);
    replay("continued", run.id(), run.run_id());
  }
  void effects(const std::string& name) { expect(start<&Effects::run>(name).result(), "1112"); }
  void shown_in_lists(const std::string& name) { expect(start<&Shown::run>(name).result(), "red"); }
  void patched(const std::string& name) { expect(start<&Patched::run>(name).result(), "new new"); }
  void canceled(const std::string& name) {
    auto run = start<&Canceled::run>(name);
    // The first half ends by itself.
    while (run.query<&Canceled::progress>() < 1) std::this_thread::sleep_for(100ms);
    run.cancel("stop");
    try {
      run.result();
      throw Failed("it was not canceled");
    } catch (const WorkflowFailedError& error) {
      if (!is_cancellation(error.failure_ptr())) throw;
    }
    expect(run.query<&Canceled::what>(), "enough asked");
  }
  void cart(const std::string& name) {
    auto run = start<&Cart::run>(name);
    expect(run.update<&Cart::add>(3), 3);
    expect(run.update<&Cart::add>(4), 7);
    refused([&] { run.update<&Cart::add>(-1); });
    expect(run.update<&Cart::twice>(21), 42);
    refused([&] { run.update<&Cart::twice>(13); });
    run.signal_by_name("surprise", 1);
    expect(run.query<&Cart::signals>(), std::vector<std::string>{"surprise"});
    expect(run.query_by_name<std::string>("anything", 5), "anything5");
    expect(run.update_by_name<std::string>("whatever"), "whatever");
    run.signal<&Cart::close>();
    expect(run.result(), 7);
  }
  static void refused(const std::function<void()>& update) {
    try {
      update();
    } catch (const UpdateFailedError&) {
      return;
    }
    throw Failed("an update was not refused");
  }

  std::unique_ptr<Worker> worker_;
};

}  // namespace perdure::testing::features

int main(int count, char** words) {
  using namespace perdure::testing::features;
  return Features(Arguments::from(count, words)).run_all();
}
