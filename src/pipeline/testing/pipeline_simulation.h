// Fakes of everything around Run(), and an oracle that knows the correct outcome of each row.
#ifndef MILLRACE_PIPELINE_TESTING_PIPELINE_SIMULATION_H_
#define MILLRACE_PIPELINE_TESTING_PIPELINE_SIMULATION_H_

#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "pipeline/run.h"
#include "pipeline/testing/crash.h"
#include "pipeline/testing/fake_replacement.h"
#include "pipeline/testing/fake_sink.h"
#include "pipeline/testing/fake_source.h"
#include "pipeline/testing/fake_staging.h"
#include "pipeline/testing/memory_dead_letter_queue.h"
#include "pipeline/testing/memory_ledger.h"

namespace millrace {

// An object whose rows are `letters` split at blanks; see FakeObject.
FakeObject MakeFakeObject(const std::string& name, const std::string& letters);

// The state that outlives a process, and how a process runs on it.
struct PipelineSimulation {
  // One process from its start to its end.
  RunReport Run(const std::string& owner, std::stop_token stop = {},
                RunProgress* progress = nullptr);
  // One that dies at `crash`. The dead letters are then as a crash leaves them.
  RunReport RunUntilCrash(const std::string& owner, CrashPoint& crash);
  // The same, but nothing is lost: another process still uses the dead-letter queue.
  RunReport RunBesideOthersUntilCrash(const std::string& owner, CrashPoint& crash);
  // The same on another machine, where its dead letters stay. Objects that are taken over may then
  // have the same dead letters in several places.
  RunReport RunElsewhereUntilCrash(const std::string& owner,
                                   MemoryDeadLetterQueue& dead_letter_there, CrashPoint& crash);

  // Before the first run: the destination keeps a cursor, it is `staged_destination`, or the one
  // object replaces what `replaced_destination` has. Each event must then arrive exactly once, and
  // those of a replacement all at once.
  void KeepCursor();
  void UseStaging();
  void Replace();
  // How writes go, into either destination.
  void set_write_script(const FakeDestination::Script& script);

  // All objects have this config from now on (MakeFakeObject() gives them "c").
  void ChangeConfig(const std::string& config);

  // The first thing found wrong, or "". At any moment: the ledger is correct about the rows before
  // its positions, nothing was invented, and no object was sent under two configs.
  std::string CheckPromise() const;
  // At the end: all of that, and every row is accounted for under the last config or an earlier
  // one, with each rejected row kept once.
  std::string CheckComplete() const;

  std::vector<FakeObject> objects;
  std::vector<FakeObject> earlier_objects;  // as they were under earlier configs
  size_t chunk_rows = 4;
  FakeSource::ReadFault read_fault;
  // A process may have worked on an object that another one had taken over, and have kept rejected
  // rows of it meanwhile: these may be there twice.
  bool leases_were_lost = false;
  RunOptions options = {.initial_writes = 1,
                        .max_writes = 1,
                        .join_rows = 6,
                        .ledger_interval = absl::ZeroDuration()};
  FakeClock clock;
  MemoryLedger ledger{clock};
  MemoryDeadLetterQueue dead_letter;
  std::vector<const MemoryDeadLetterQueue*> elsewhere;  // the dead letters of other machines
  FakeDestination destination;
  FakeStagedDestination staged_destination;
  FakeReplacedDestination replaced_destination;

 private:
  class Process;
  bool IsSettledUnderEarlierConfig(const FakeObject& object) const;
  std::string CheckObject(const FakeObject& object, const MemoryLedger::Rows& recorded,
                          const std::map<std::string, int>& arrived) const;
  // The lines that the accepted events of a row are.
  std::vector<std::string> AcceptedEvents(const FakeObject& object, uint64_t row) const;
  std::string CheckRow(const FakeObject& object, uint64_t row,
                       const std::map<std::string, int>& arrived,
                       const std::map<uint64_t, int>& rejected) const;
  std::map<std::string, int> Arrived() const;
  std::string CheckReplaced(const MemoryLedger::Rows& recorded,
                            const std::map<std::string, int>& arrived) const;
  std::vector<Rejection> Kept(const LedgerKey& object) const;  // everywhere

  bool is_staged_ = false;
  bool replaces_ = false;
  bool exactly_once_ = false;
  bool whole_rows_ = false;  // the destination refuses all events of a row with an 'x'
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_PIPELINE_SIMULATION_H_
