// Thread sanitizer cannot see into Debian's Abseil, which is built without it, and would call every
// use of absl::Mutex a race. This library, loaded before Abseil, tells it of each lock and unlock.
// Only in builds with MILLRACE_SANITIZE=thread.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include "absl/synchronization/mutex.h"

extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
}

namespace {

template <typename Function>
Function Next(const char* symbol) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, symbol));
}

// Abseil evaluates the conditions of waiting threads in whatever thread unlocks: under the lock,
// but after its end was reported to the sanitizer.
class IgnoreConditionReads {
 public:
  IgnoreConditionReads() { AnnotateIgnoreReadsBegin(__FILE__, __LINE__); }
  ~IgnoreConditionReads() { AnnotateIgnoreReadsEnd(__FILE__, __LINE__); }
};

}  // namespace

#define MR_STRING_INNER(x) #x
#define MR_STRING(x) MR_STRING_INNER(x)
#define MR_ABSL "_ZN4absl7debian3"

#define MR_REAL(symbol, result, ...) \
  static const auto real = Next<result (*)(__VA_ARGS__)>(MR_ABSL symbol)

namespace absl {
ABSL_NAMESPACE_BEGIN

#define MR_LOCK(name, symbol)      \
  void Mutex::name() {             \
    MR_REAL(symbol, void, Mutex*); \
    {                              \
      IgnoreConditionReads ignore; \
      real(this);                  \
    }                              \
    __tsan_acquire(this);          \
  }
#define MR_UNLOCK(name, symbol)    \
  void Mutex::name() {             \
    MR_REAL(symbol, void, Mutex*); \
    __tsan_release(this);          \
    IgnoreConditionReads ignore;   \
    real(this);                    \
  }
#define MR_TRY_LOCK(name, symbol)     \
  bool Mutex::name() {                \
    MR_REAL(symbol, bool, Mutex*);    \
    const bool locked = real(this);   \
    if (locked) __tsan_acquire(this); \
    return locked;                    \
  }
#define MR_WHEN(name, symbol)                        \
  void Mutex::name(const Condition& condition) {     \
    MR_REAL(symbol, void, Mutex*, const Condition&); \
    __tsan_release(this);                            \
    {                                                \
      IgnoreConditionReads ignore;                   \
      real(this, condition);                         \
    }                                                \
    __tsan_acquire(this);                            \
  }
#define MR_WHEN_UNTIL(name, Until, symbol)                    \
  bool Mutex::name(const Condition& condition, Until until) { \
    MR_REAL(symbol, bool, Mutex*, const Condition&, Until);   \
    __tsan_release(this);                                     \
    bool met = false;                                         \
    {                                                         \
      IgnoreConditionReads ignore;                            \
      met = real(this, condition, until);                     \
    }                                                         \
    __tsan_acquire(this);                                     \
    return met;                                               \
  }
#define MR_WAIT_UNTIL(name, Until, symbol)          \
  bool CondVar::name(Mutex* mutex, Until until) {   \
    MR_REAL(symbol, bool, CondVar*, Mutex*, Until); \
    __tsan_release(mutex);                          \
    bool timed_out = false;                         \
    {                                               \
      IgnoreConditionReads ignore;                  \
      timed_out = real(this, mutex, until);         \
    }                                               \
    __tsan_acquire(mutex);                          \
    return timed_out;                               \
  }

MR_LOCK(Lock, "5Mutex4LockEv")
MR_LOCK(ReaderLock, "5Mutex10ReaderLockEv")
MR_UNLOCK(Unlock, "5Mutex6UnlockEv")
MR_UNLOCK(ReaderUnlock, "5Mutex12ReaderUnlockEv")
MR_TRY_LOCK(TryLock, "5Mutex7TryLockEv")
MR_TRY_LOCK(ReaderTryLock, "5Mutex13ReaderTryLockEv")
MR_WHEN(Await, "5Mutex5AwaitERKNS0_9ConditionE")
MR_WHEN(LockWhen, "5Mutex8LockWhenERKNS0_9ConditionE")
MR_WHEN(ReaderLockWhen, "5Mutex14ReaderLockWhenERKNS0_9ConditionE")
MR_WHEN_UNTIL(AwaitWithTimeout, Duration,
              "5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE")
MR_WHEN_UNTIL(AwaitWithDeadline, Time, "5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE")
MR_WHEN_UNTIL(LockWhenWithTimeout, Duration,
              "5Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE")
MR_WHEN_UNTIL(LockWhenWithDeadline, Time,
              "5Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE")
MR_WAIT_UNTIL(WaitWithTimeout, Duration, "7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE")
MR_WAIT_UNTIL(WaitWithDeadline, Time, "7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE")

void CondVar::Wait(Mutex* mutex) {
  MR_REAL("7CondVar4WaitEPNS0_5MutexE", void, CondVar*, Mutex*);
  __tsan_release(mutex);
  {
    IgnoreConditionReads ignore;
    real(this, mutex);
  }
  __tsan_acquire(mutex);
}

ABSL_NAMESPACE_END
}  // namespace absl
