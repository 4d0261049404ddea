// The import program: imports files into a destination and accounts for every record.
#ifndef MILLRACE_IMPORT_IMPORT_H_
#define MILLRACE_IMPORT_IMPORT_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/warnings.h"
#include "mapping/sources_config.h"
#include "objects/iceberg_store.h"
#include "objects/object_source.h"
#include "pipeline/destination.h"
#include "pipeline/run.h"
#include "stores/open_store.h"

namespace millrace {

struct ImportRequest {
  std::vector<std::string> inputs;  // paths, folders, globs, "iceberg:TABLE"
  SourcesConfig sources;
  std::string config_path;  // excluded from imported folders; empty: none

  StoreOptions stores;    // how inputs are accessed
  TableSelection tables;  // which rows of inputs "iceberg:TABLE" are read

  bool as_files = false;  // read the files of Delta, Iceberg and Hudi tables like other files
  bool force = false;
  bool strict = false;  // warnings are errors: an object that causes one is not imported
  // Waits until objects that other workers hold are done or released; else ends without them.
  bool wait_for_others = true;
  // Reads, maps and counts; sends nothing and records nothing.
  bool dry_run = false;
  RunOptions run;
};

struct ImportProgress;

// The result for one destination, which `--json` prints (docs/verbs/import.md lists the keys).
// Counts are of this run.
struct ImportReport {
  std::string destination;  // Destination::label()
  bool dry_run = false;     // nothing was sent, and rejected rows were not stored
  absl::Status status;      // as RunReport::status
  Counts counts;
  uint64_t objects = 0;            // read by this run; twice if lost and claimed again
  uint64_t objects_skipped = 0;    // done before
  uint64_t objects_held = 0;       // another worker has them
  uint64_t objects_lost = 0;       // taken over by another worker while this run read them
  uint64_t objects_failed = 0;     // could not be read to their end
  uint64_t objects_unmatched = 0;  // no entry of the config matches them
  uint64_t objects_hidden = 0;     // skipped: their names begin with '.' or '_'
  // Sent before under a config that has changed since, and skipped; the changes.
  uint64_t objects_config_changed = 0;
  std::vector<std::string> config_changes;
  uint64_t requests = 0;
  uint64_t retries = 0;
  uint64_t bytes_read = 0;
  uint64_t bytes_sent = 0;
  double elapsed_s = 0;
  std::string first_error;
  std::vector<WarningCount> warnings;
  bool warnings_are_errors = false;

  bool success() const {
    return status.ok() && counts.rejected == 0 && counts.pending() == 0 && objects_failed == 0 &&
           objects_config_changed == 0 && !(warnings_are_errors && !warnings.empty());
  }

  // Adds a report of RunRecords(); keeps the first status that is not ok and the first error.
  void Add(const ImportReport& part);
  // Sets what is counted for all runs together.
  void AddProgress(const ImportProgress& progress, absl::Duration elapsed);
};

// Live numbers of an import into one destination, readable from any thread.
struct ImportProgress {
  std::string destination;  // Destination::label(); set before other threads read it
  RunProgress run;
  SourceProgress source;
  std::atomic<uint64_t> objects_listed{0};
  std::atomic<uint64_t> bytes_listed{0};
  std::atomic<uint64_t> objects_unmatched{0};
  std::atomic<uint64_t> objects_hidden{0};
  Warnings warnings;
};

// Blocking; owns its threads. `stop` ends it early and safely.
ImportReport Import(const ImportRequest& request, Destination& destination, Ledger& ledger,
                    DeadLetterQueue& dead_letter, std::stop_token stop, ImportProgress& progress);

// Imports into all destinations at once, which share the memory; one that fails does not hold the
// others back. There is one `progress` for each; the reports are in the same order.
std::vector<ImportReport> ImportAll(const ImportRequest& request,
                                    absl::Span<const std::unique_ptr<Destination>> destinations,
                                    Ledger& ledger, DeadLetterQueue& dead_letter,
                                    std::stop_token stop, std::vector<ImportProgress>& progress);

// The sums over all destinations, with the first status that is not ok and the first error. The
// report itself if there is one.
ImportReport Total(absl::Span<const ImportReport> reports);

}  // namespace millrace

#endif  // MILLRACE_IMPORT_IMPORT_H_
