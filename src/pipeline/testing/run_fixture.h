// A run in a simulation, some parts of which a test replaces.
#ifndef MILLRACE_PIPELINE_TESTING_RUN_FIXTURE_H_
#define MILLRACE_PIPELINE_TESTING_RUN_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <stop_token>
#include <string>

#include "pipeline/testing/pipeline_simulation.h"

namespace millrace {

// Parts of a world that are replaced for one run.
struct Replaced {
  Ledger* ledger = nullptr;
  DeadLetterQueue* dead_letter = nullptr;
  TransformFactory make_transform;
  SinkFactory make_sink;
  DeliveryCursor* cursor = nullptr;
  Clock* clock = nullptr;
};

RunReport RunWith(PipelineSimulation& world, Source& source, const Replaced& other = {},
                  std::stop_token stop = {});

class RunTest : public testing::Test {
 protected:
  // See MakeFakeObject().
  void AddObject(const std::string& name, const std::string& letters);
  // Rows that all become one event.
  void AddRows(const std::string& name, size_t rows);
  // The ledger's, of the object of that index; an empty one if there is none.
  LedgerEntry Entry(size_t object);
  static FakeDestination::Script Always(FakeWrite write) {
    return [write](uint64_t) { return write; };
  }

  PipelineSimulation world_;
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_RUN_FIXTURE_H_
