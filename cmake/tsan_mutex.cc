// For the thread sanitizer only: Debian's Abseil is not instrumented, so what its Mutex and its
// like order is not seen, and everything that goes through them looks like a race. The linker leads
// our calls here (--wrap); each tells the sanitizer what it orders. Conditions that Abseil
// evaluates for a waiting thread while another unlocks are read before that unlock is over: those
// reads are left out.
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

extern "C" {

void __tsan_acquire(void* address);
void __tsan_release(void* address);
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);

#define PERDURE_UNLOCKS(name)                     \
  void __real_##name(absl::Mutex* mutex);         \
  void __wrap_##name(absl::Mutex* mutex) {        \
    __tsan_release(mutex);                        \
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__); \
    __real_##name(mutex);                         \
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);   \
  }
#define PERDURE_LOCKS(name)                \
  void __real_##name(absl::Mutex* mutex);  \
  void __wrap_##name(absl::Mutex* mutex) { \
    __real_##name(mutex);                  \
    __tsan_acquire(mutex);                 \
  }

PERDURE_LOCKS(_ZN4absl7debian35Mutex4LockEv)
PERDURE_LOCKS(_ZN4absl7debian35Mutex10ReaderLockEv)
PERDURE_UNLOCKS(_ZN4absl7debian35Mutex6UnlockEv)
PERDURE_UNLOCKS(_ZN4absl7debian35Mutex12ReaderUnlockEv)

void __real__ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE(absl::Mutex* mutex,
                                                           const absl::Condition& condition);
void __wrap__ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE(absl::Mutex* mutex,
                                                           const absl::Condition& condition) {
  __tsan_release(mutex);
  AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  __real__ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE(mutex, condition);
  AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  __tsan_acquire(mutex);
}

#define PERDURE_AWAITS(name, Until)                                                       \
  bool __real_##name(absl::Mutex* mutex, const absl::Condition& condition, Until until);  \
  bool __wrap_##name(absl::Mutex* mutex, const absl::Condition& condition, Until until) { \
    __tsan_release(mutex);                                                                \
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);                                         \
    const bool is_true = __real_##name(mutex, condition, until);                          \
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);                                           \
    __tsan_acquire(mutex);                                                                \
    return is_true;                                                                       \
  }
PERDURE_AWAITS(_ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE,
               absl::Duration)
PERDURE_AWAITS(_ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE, absl::Time)

// What wakes it has held the mutex, or is no reason to read anything.
void __real__ZN4absl7debian37CondVar4WaitEPNS0_5MutexE(absl::CondVar* self, absl::Mutex* mutex);
void __wrap__ZN4absl7debian37CondVar4WaitEPNS0_5MutexE(absl::CondVar* self, absl::Mutex* mutex) {
  __tsan_release(mutex);
  __real__ZN4absl7debian37CondVar4WaitEPNS0_5MutexE(self, mutex);
  __tsan_acquire(mutex);
}
#define PERDURE_CONDITION_WAITS(name, Until)                                 \
  bool __real_##name(absl::CondVar* self, absl::Mutex* mutex, Until until);  \
  bool __wrap_##name(absl::CondVar* self, absl::Mutex* mutex, Until until) { \
    __tsan_release(mutex);                                                   \
    const bool is_late = __real_##name(self, mutex, until);                  \
    __tsan_acquire(mutex);                                                   \
    return is_late;                                                          \
  }
PERDURE_CONDITION_WAITS(_ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE,
                        absl::Duration)
PERDURE_CONDITION_WAITS(_ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE,
                        absl::Time)

void __real__ZN4absl7debian312Notification6NotifyEv(absl::Notification* notification);
void __wrap__ZN4absl7debian312Notification6NotifyEv(absl::Notification* notification) {
  __tsan_release(notification);
  __real__ZN4absl7debian312Notification6NotifyEv(notification);
}
void __real__ZNK4absl7debian312Notification19WaitForNotificationEv(absl::Notification* self);
void __wrap__ZNK4absl7debian312Notification19WaitForNotificationEv(absl::Notification* self) {
  __real__ZNK4absl7debian312Notification19WaitForNotificationEv(self);
  __tsan_acquire(self);
}
bool __real__ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE(
    absl::Notification* self, absl::Duration timeout);
bool __wrap__ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE(
    absl::Notification* self, absl::Duration timeout) {
  const bool is_notified =
      __real__ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE(
          self, timeout);
  if (is_notified) __tsan_acquire(self);
  return is_notified;
}
bool __real__ZN4absl7debian315BlockingCounter14DecrementCountEv(absl::BlockingCounter* counter);
bool __wrap__ZN4absl7debian315BlockingCounter14DecrementCountEv(absl::BlockingCounter* counter) {
  __tsan_release(counter);
  return __real__ZN4absl7debian315BlockingCounter14DecrementCountEv(counter);
}
void __real__ZN4absl7debian315BlockingCounter4WaitEv(absl::BlockingCounter* counter);
void __wrap__ZN4absl7debian315BlockingCounter4WaitEv(absl::BlockingCounter* counter) {
  __real__ZN4absl7debian315BlockingCounter4WaitEv(counter);
  __tsan_acquire(counter);
}

}  // extern "C"
