// A trip is booked step by step; when a step fails, what was booked is canceled again, the last
// first.
#include <iostream>
#include <mutex>

#include "perdure/client.h"
#include "perdure/saga.h"
#include "perdure/worker.h"
#include "perdure/workflow.h"

using namespace std::chrono_literals;
namespace workflow = perdure::workflow;

struct Trip {
  std::string traveller;
  std::string from;
  std::string to;
  int budget = 0;
};
struct Booking {
  std::string id;
  int price = 0;
};

// Activities that share a state: member functions of one object.
class Agency {
 public:
  Booking flight(const Trip& trip) { return book("flight to " + trip.to, 300); }
  Booking hotel(const Trip& trip) { return book("hotel in " + trip.to, 200); }
  Booking car(const Trip& trip) {
    if (trip.budget < 600)
      throw perdure::ApplicationError("no car for this budget", {.type = "TooExpensive"});
    return book("car in " + trip.to, 90);
  }
  void cancel(const Booking& booking) { say("  canceled " + booking.id); }

 private:
  Booking book(const std::string& what, int price) {
    say("  booked " + what);
    return {what, price};
  }
  // Activities run on several threads.
  void say(const std::string& line) {
    const std::lock_guard lock(mutex_);
    std::cout << line << "\n";
  }
  std::mutex mutex_;
};

struct BookTrip {
  perdure::task<int> run(Trip trip) {
    perdure::saga saga;
    int total = 0;
    std::string problem;
    try {
      const Booking flight =
          co_await workflow::activity<&Agency::flight>(trip, {.start_to_close = 1min});
      saga.undo<&Agency::cancel>({.start_to_close = 1min}, flight);
      const Booking hotel =
          co_await workflow::activity<&Agency::hotel>(trip, {.start_to_close = 1min});
      saga.undo<&Agency::cancel>({.start_to_close = 1min}, hotel);
      const Booking car = co_await workflow::activity<&Agency::car>(
          trip, {.start_to_close = 1min, .retry = {.non_retryable = {"TooExpensive"}}});
      total = flight.price + hotel.price + car.price;
    } catch (const perdure::ActivityError& error) {
      problem = error.what();  // Nothing can be awaited in here: leave the handler first.
    }
    if (problem.empty()) co_return total;
    co_await saga.compensate();
    throw perdure::ApplicationError("trip not booked: " + problem);
  }
  using handlers = perdure::define<perdure::entry<&BookTrip::run, "book-trip">>;
};

int main() {
  const perdure::Client client = perdure::Client::connect();
  Agency agency;
  perdure::Worker worker(client, {.task_queue = "trips"});
  worker.workflow<BookTrip>();
  worker.activity<&Agency::flight>(agency).activity<&Agency::hotel>(agency).activity<&Agency::car>(
      agency);
  worker.activity<&Agency::cancel>(agency);
  worker.start();

  const Trip ann{"ann", "LIS", "OSL", 900};
  std::cout << "ann:\n";
  const int price = client.execute<&BookTrip::run>({.id = "trip-ann", .task_queue = "trips"}, ann);
  std::cout << "ann pays " << price << "\nbob:\n";
  const Trip bob{"bob", "LIS", "OSL", 100};
  try {
    client.execute<&BookTrip::run>({.id = "trip-bob", .task_queue = "trips"}, bob);
    return 1;
  } catch (const perdure::WorkflowFailedError& error) {
    std::cout << "bob: " << error.what() << "\n";
  }
}
