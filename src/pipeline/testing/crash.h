// A process that dies at a chosen step. Every external call of Run() goes through wrappers that
// count steps, before and after each effect, and do nothing once the last step is over.
#ifndef MILLRACE_PIPELINE_TESTING_CRASH_H_
#define MILLRACE_PIPELINE_TESTING_CRASH_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "pipeline/run.h"

namespace millrace {

// Thread-safe.
class CrashPoint {
 public:
  // The process lives for `steps` steps.
  explicit CrashPoint(uint64_t steps) : steps_(steps) {}
  // Calls `interruption` once, in the thread that takes step number `at` or the next one that may
  // be interrupted: meanwhile other processes may do something. To be set before the first step.
  void InterruptAt(uint64_t at, std::function<void()> interruption) {
    interrupt_at_ = at;
    interruption_ = std::move(interruption);
  }
  // Takes a step; false if the process is dead.
  bool Step(bool interruptible = true) {
    const uint64_t number = taken_.fetch_add(1);
    const bool alive = number < steps_;
    if (alive && interruptible && number >= interrupt_at_ && !interrupted_.exchange(true)) {
      interruption_();
    }
    return alive;
  }
  bool dead() const { return taken_ > steps_; }
  uint64_t taken() const { return taken_; }

 private:
  const uint64_t steps_;
  std::atomic<uint64_t> taken_{0};
  uint64_t interrupt_at_ = std::numeric_limits<uint64_t>::max();
  std::function<void()> interruption_;
  std::atomic<bool> interrupted_{false};
};

// A Ledger whose changes happen only while the process lives. Give it to the source as well.
std::unique_ptr<Ledger> NewMortalLedger(Ledger& ledger, CrashPoint& crash);

// The same for the other parts that a source uses when it finishes the commits of other workers.
std::unique_ptr<DeadLetterQueue> NewMortalDeadLetterQueue(DeadLetterQueue& dead_letter,
                                                          CrashPoint& crash);
std::unique_ptr<Staging> NewMortalStaging(Staging& staging, CrashPoint& crash);

// Run() in a process that dies at `crash`: it then returns soon, with nothing more done to any
// part. Ledger, dead-letter queue and staging are used unchanged.
RunReport RunUntilCrash(RunParts parts, const RunOptions& options, std::stop_token stop,
                        CrashPoint& crash);

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_CRASH_H_
