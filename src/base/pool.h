// A few things that one thread at a time may use (connections), shared by many threads.
#ifndef MILLRACE_BASE_POOL_H_
#define MILLRACE_BASE_POOL_H_

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace millrace {

// Thread-safe; outlives what it has lent.
template <typename T>
class Pool {
 public:
  // Makes up to `most` of them, each when it is first needed.
  Pool(size_t max, std::function<std::unique_ptr<T>()> make) : max_(max), make_(std::move(make)) {}

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

  // The most recently used one, because it is most likely to be alive; waits while all are lent.
  // Nullopt if `stop` is requested before one is free.
  std::optional<Loan> Borrow(const std::stop_token& stop) {
    Wait wait{*this, stop};
    // The mutex looks at conditions when it is released.
    const std::stop_callback wake(stop, [this] { absl::MutexLock lock(&mutex_); });
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&wait, &Wait::IsOver));
    if (stop.stop_requested()) return std::nullopt;
    if (idle_.empty()) {
      ++made_;
      return std::optional<Loan>(std::in_place, *this, make_());
    }
    std::unique_ptr<T> thing = std::move(idle_.back());
    idle_.pop_back();
    return std::optional<Loan>(std::in_place, *this, std::move(thing));
  }

 private:
  struct Wait {
    Pool& pool;
    const std::stop_token& stop;
    bool IsOver() ABSL_EXCLUSIVE_LOCKS_REQUIRED(pool.mutex_) {
      return stop.stop_requested() || !pool.idle_.empty() || pool.made_ < pool.max_;
    }
  };

  void GiveBack(std::unique_ptr<T> thing) {
    absl::MutexLock lock(&mutex_);
    idle_.push_back(std::move(thing));
  }

  const size_t max_;
  const std::function<std::unique_ptr<T>()> make_;
  absl::Mutex mutex_;
  size_t made_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<T>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_BASE_POOL_H_
