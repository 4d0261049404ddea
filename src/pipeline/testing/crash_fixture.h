// Runs that are killed, or lose their objects, at chosen steps.
#ifndef MILLRACE_PIPELINE_TESTING_CRASH_FIXTURE_H_
#define MILLRACE_PIPELINE_TESTING_CRASH_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <random>

#include "pipeline/testing/pipeline_simulation.h"

namespace millrace {

// What a random world and its random schedule are made of.
class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  uint64_t Below(uint64_t n) { return random_() % n; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }

 private:
  std::mt19937_64 random_;
};

enum class DestinationKind { kDirect, kWithCursor, kStaged };

class CrashTest : public testing::Test {
 protected:
  using Setup = std::function<void(PipelineSimulation&)>;

  static void SetUpTestSuite();
  static void TearDownTestSuite();

  virtual DestinationKind kind() const = 0;
  // Small objects with rows of every outcome.
  std::unique_ptr<PipelineSimulation> NewWorld() const;
  std::unique_ptr<PipelineSimulation> RandomWorld(Dice& dice) const;
  // Chunks that take several writes each.
  static void FanOut(PipelineSimulation& world);

  // A later process: the claims of dead ones have expired, and all objects can be read. Objects
  // begun under another config stay with that config.
  static void Finish(PipelineSimulation& world);
  // Kills at step 0, 1, 2, ... until a run is through before its step comes. Returns the steps.
  uint64_t KillAtEachStep(const Setup& setup) const;
  // Another process takes everything over at each step of one that does not know, and gets as far
  // as `other_steps`.
  void TakeOverAtEachStep(uint64_t other_steps, const Setup& setup) const;
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_CRASH_FIXTURE_H_
