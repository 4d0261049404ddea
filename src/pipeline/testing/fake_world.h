// Fakes of everything around Run(), and the oracle that knows what must have become of each row.
#ifndef MILLRACE_PIPELINE_TESTING_FAKE_WORLD_H_
#define MILLRACE_PIPELINE_TESTING_FAKE_WORLD_H_

#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "pipeline/run.h"
#include "pipeline/testing/crash.h"
#include "pipeline/testing/fake_sink.h"
#include "pipeline/testing/fake_source.h"
#include "pipeline/testing/memory_dead_letter.h"
#include "pipeline/testing/memory_ledger.h"

namespace millrace {

// An object whose rows are `letters` split at blanks; see FakeObject.
FakeObject MakeFakeObject(const std::string& name, const std::string& letters);

// What outlives a process, and how a process runs on it.
struct FakeWorld {
  // One process from its start to its end.
  RunReport Run(const std::string& owner, std::stop_token stop = {},
                RunProgress* progress = nullptr);
  // One that dies at `crash`. The dead letters are then as a crash leaves them.
  RunReport RunUntilCrash(const std::string& owner, CrashPoint& crash);
  // The same with nothing forgotten: another process still uses the dead letters.
  RunReport RunBesideOthersUntilCrash(const std::string& owner, CrashPoint& crash);

  // The first thing found wrong, or "". At any moment: the ledger tells the truth about what lies
  // behind its positions, and nothing was invented.
  std::string CheckPromise() const;
  // At the end: all of that, and everything is settled, with each rejected row kept once.
  std::string CheckComplete() const;

  std::vector<FakeObject> objects;
  size_t chunk_rows = 4;
  RunOptions options = {.initial_writes = 1,
                        .most_writes = 1,
                        .join_rows = 6,
                        .ledger_interval = absl::ZeroDuration()};
  FakeClock clock;
  MemoryLedger ledger{clock};
  MemoryDeadLetter dead_letter;
  FakeDestination destination;
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_FAKE_WORLD_H_
