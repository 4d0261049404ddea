// Runs that are killed, or lose their objects, at chosen steps.
#ifndef MILLRACE_PIPELINE_TESTING_CRASH_FIXTURE_H_
#define MILLRACE_PIPELINE_TESTING_CRASH_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "pipeline/testing/memory_dead_letter_queue.h"
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

enum class DestinationKind { kDirect, kWithCursor, kStaged, kReplacement };

// Two runs whose leases are shorter than the waits between tries, so that each run loses objects
// and commits to the other. The first may die. Must live as long as its world is used.
class RunsWithShortLeases {
 public:
  RunsWithShortLeases(PipelineSimulation& world, Dice& dice);

  const RunReport& first() const { return first_; }
  const RunReport& second() const { return second_; }
  bool first_died() const { return first_died_; }

 private:
  MemoryDeadLetterQueue dead_letters_[2];
  RunReport first_, second_;
  bool first_died_ = false;
};

class CrashTest : public testing::Test {
 protected:
  using Setup = std::function<void(PipelineSimulation&)>;

  static void SetUpTestSuite();
  static void TearDownTestSuite();

  virtual DestinationKind kind() const = 0;
  // Small objects with rows of every outcome; for a replacement one that can be read to its end.
  std::unique_ptr<PipelineSimulation> NewWorld() const;
  std::unique_ptr<PipelineSimulation> RandomWorld(Dice& dice) const;
  // Chunks that take several writes each.
  static void FanOut(PipelineSimulation& world);

  // A later process: the claims of dead ones have expired, and all objects can be read. Objects
  // begun under another config stay with that config.
  static void Finish(PipelineSimulation& world);
  // Kills at step 0, 1, 2, ... until a run is through before its step comes. Returns the steps.
  uint64_t KillAtEachStep(const Setup& setup) const;
  // One run, which may be killed, and at some step may lose its objects to one that may be killed
  // too.
  static void RunAtRandom(PipelineSimulation& world, Dice& dice, const std::string& owner);
  // Another process takes everything over at each step of one that does not know, and gets as far
  // as `other_steps`.
  void TakeOverAtEachStep(uint64_t other_steps, const Setup& setup) const;
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_CRASH_FIXTURE_H_
