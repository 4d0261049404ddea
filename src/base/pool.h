// A few things that one thread at a time may use (connections), shared by many threads.
#ifndef MILLRACE_BASE_POOL_H_
#define MILLRACE_BASE_POOL_H_

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace millrace {

// Thread-safe; outlives what it has lent.
template <typename T>
class Pool {
 public:
  // Makes up to `most` of them, each when it is first wanted.
  Pool(size_t most, std::function<std::unique_ptr<T>()> make)
      : most_(most), make_(std::move(make)) {}

  // Lent until it is destroyed.
  class Loan {
   public:
    Loan(Pool& pool, std::unique_ptr<T> thing) : pool_(pool), thing_(std::move(thing)) {}
    ~Loan() { pool_.GiveBack(std::move(thing_)); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    T& operator*() const { return *thing_; }
    T* operator->() const { return thing_.get(); }

   private:
    Pool& pool_;
    std::unique_ptr<T> thing_;
  };

  // The one that was used last, as it is the likeliest to be alive; waits while all are lent.
  Loan Borrow() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](Pool* self) ABSL_EXCLUSIVE_LOCKS_REQUIRED(self->mutex_) {
          return !self->idle_.empty() || self->made_ < self->most_;
        },
        this));
    if (idle_.empty()) {
      ++made_;
      return Loan(*this, make_());
    }
    std::unique_ptr<T> thing = std::move(idle_.back());
    idle_.pop_back();
    return Loan(*this, std::move(thing));
  }

 private:
  void GiveBack(std::unique_ptr<T> thing) {
    absl::MutexLock lock(&mutex_);
    idle_.push_back(std::move(thing));
  }

  const size_t most_;
  const std::function<std::unique_ptr<T>()> make_;
  absl::Mutex mutex_;
  size_t made_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<T>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_BASE_POOL_H_
