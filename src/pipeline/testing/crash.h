// A process that dies at a chosen step: every call of Run() to the world outside goes through
// wrappers that count steps, before and after each effect, and do nothing any more once the last
// step is over.
#ifndef MILLRACE_PIPELINE_TESTING_CRASH_H_
#define MILLRACE_PIPELINE_TESTING_CRASH_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "pipeline/run.h"

namespace millrace {

// Thread-safe.
class CrashPoint {
 public:
  // The process lives for `steps` steps.
  explicit CrashPoint(uint64_t steps) : steps_(steps) {}
  // Takes a step; false if the process is dead.
  bool Step() { return taken_.fetch_add(1) < steps_; }
  bool dead() const { return taken_ > steps_; }
  uint64_t taken() const { return taken_; }

 private:
  const uint64_t steps_;
  std::atomic<uint64_t> taken_{0};
};

// A Ledger whose changes happen only while the process lives. Give it to the source as well.
std::unique_ptr<Ledger> NewMortalLedger(Ledger& ledger, CrashPoint& crash);

// Run() in a process that dies at `crash`: it then returns soon, with nothing more done to any
// part. `parts.ledger` is used as it is.
RunReport RunUntilCrash(RunParts parts, const RunOptions& options, std::stop_token stop,
                        CrashPoint& crash);

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_CRASH_H_
