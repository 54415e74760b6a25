// The guard: stands in for functions of the C library that workflow code must not call.
//
// Linked whole into an executable (perdure::guard), its definitions are found before the C
// library's. Each calls the real one, after telling the run whose code it is called from. Calls
// outside of workflow code pay for a look at a thread-local variable.
#include <dlfcn.h>
#include <pthread.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "worker-sdk/coro/guard.h"

namespace {

constexpr const char* kTime = "use workflow::now(), or an activity";
constexpr const char* kRandom = "use workflow::random() or workflow::uuid4()";
constexpr const char* kSleep = "use co_await workflow::sleep()";
constexpr const char* kThread = "use workflow::spawn(), or an activity";
constexpr const char* kBlocks = "use workflow::mutex, until() or channel";
constexpr const char* kOutside = "do it in an activity";

void Look(const char* function, const char* instead) noexcept {
  if (perdure::detail::IsInWorkflowCode()) perdure::detail::FoundInWorkflowCode(function, instead);
}

}  // namespace

// The C library's own, looked up on first use.
#define PERDURE_REAL(result, name, ...)         \
  static result (*real)(__VA_ARGS__) = nullptr; \
  if (real == nullptr) real = reinterpret_cast<result (*)(__VA_ARGS__)>(dlsym(RTLD_NEXT, #name))

extern "C" {

int clock_gettime(clockid_t clock, struct timespec* time) noexcept {
  PERDURE_REAL(int, clock_gettime, clockid_t, struct timespec*);
  // What a thread has used of the processor is no time that code could go by.
  if (clock != CLOCK_THREAD_CPUTIME_ID && clock != CLOCK_PROCESS_CPUTIME_ID)
    Look("the clock", kTime);
  return real(clock, time);
}
time_t time(time_t* out) noexcept {
  PERDURE_REAL(time_t, time, time_t*);
  Look("time()", kTime);
  return real(out);
}
int gettimeofday(struct timeval* __restrict time, void* __restrict zone) noexcept {
  PERDURE_REAL(int, gettimeofday, struct timeval*, void*);
  Look("gettimeofday()", kTime);
  return real(time, zone);
}
int rand(void) noexcept {
  PERDURE_REAL(int, rand);
  Look("rand()", kRandom);
  return real();
}
long random(void) noexcept {
  PERDURE_REAL(long, random);
  Look("random()", kRandom);
  return real();
}
int nanosleep(const struct timespec* wanted, struct timespec* left) {
  PERDURE_REAL(int, nanosleep, const struct timespec*, struct timespec*);
  Look("a blocking sleep", kSleep);
  return real(wanted, left);
}
int clock_nanosleep(clockid_t clock, int flags, const struct timespec* wanted,
                    struct timespec* left) {
  PERDURE_REAL(int, clock_nanosleep, clockid_t, int, const struct timespec*, struct timespec*);
  Look("a blocking sleep", kSleep);
  return real(clock, flags, wanted, left);
}
unsigned sleep(unsigned seconds) {
  PERDURE_REAL(unsigned, sleep, unsigned);
  Look("sleep()", kSleep);
  return real(seconds);
}
int usleep(useconds_t micros) {
  PERDURE_REAL(int, usleep, useconds_t);
  Look("usleep()", kSleep);
  return real(micros);
}
int pthread_create(pthread_t* __restrict thread, const pthread_attr_t* __restrict attributes,
                   void* (*run)(void*), void* __restrict argument) noexcept {
  PERDURE_REAL(int, pthread_create, pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  Look("a new thread", kThread);
  return real(thread, attributes, run, argument);
}
int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  PERDURE_REAL(int, pthread_mutex_lock, pthread_mutex_t*);
  // One that is free blocks nobody.
  if (perdure::detail::IsInWorkflowCode()) {
    const int outcome = pthread_mutex_trylock(mutex);
    if (outcome != EBUSY) return outcome;
    Look("a mutex that another thread holds", kBlocks);
  }
  return real(mutex);
}
int pthread_cond_wait(pthread_cond_t* __restrict condition, pthread_mutex_t* __restrict mutex) {
  PERDURE_REAL(int, pthread_cond_wait, pthread_cond_t*, pthread_mutex_t*);
  Look("a condition variable", kBlocks);
  return real(condition, mutex);
}
char* getenv(const char* name) noexcept {
  PERDURE_REAL(char*, getenv, const char*);
  Look("getenv()", kOutside);
  return real(name);
}
int socket(int domain, int type, int protocol) noexcept {
  PERDURE_REAL(int, socket, int, int, int);
  Look("a socket", kOutside);
  return real(domain, type, protocol);
}

}  // extern "C"
