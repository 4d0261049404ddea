// How a warehouse loads the staged files of a commit: all of them, or none.
#ifndef MILLRACE_LOADS_FILE_LOADER_H_
#define MILLRACE_LOADS_FILE_LOADER_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "data_files/commit_log.h"
#include "pipeline/intents.h"

namespace millrace::loads {

struct LoadFile {
  std::string uri;  // "gs://bucket/prefix/.../<commit>-00000.ndjson.gz"
  uint64_t rows = 0;
  uint64_t bytes = 0;
};

// The files of one commit.
struct FileLoad {
  std::string commit;  // 32 hex digits, with which the names of files begin
  std::vector<LoadFile> files;
  // Stores a list of the files for a warehouse that reads one, in place of an earlier one, and
  // returns its URI. It is removed with the files. Errors as those of FileStore.
  std::function<absl::StatusOr<std::string>(std::string_view manifest)> write_manifest;
  // Removes the files, so that a load that begins later finds none.
  std::function<absl::Status()> remove_files;
};

// Loads files into one table. Thread-safe. Unavailable: the outcome is unknown, or a later call may
// succeed. Every other error stops the run, and the next one makes the same calls again.
class FileLoader {
 public:
  using Outcome = data_files::CommitLog::Outcome;
  virtual ~FileLoader() = default;

  // Makes the table what it needs to be. Called before each run stages or loads anything. `open`:
  // commits that are announced, by any process, and may have been loaded. FailedPrecondition, with
  // the remedy: what the warehouse knew of them is gone, so they could be loaded twice.
  virtual absl::Status Prepare(absl::Span<const Intent> open, std::stop_token stop) = 0;

  // What the warehouse says of the commit. kNone: also while a load is running, which a call of
  // Load() then waits for.
  virtual absl::StatusOr<Outcome> OutcomeOf(const std::string& commit, std::stop_token stop) = 0;

  // Loads all files and waits until they are visible: kCommitted. If an earlier call, of this
  // process or another one, has loaded them, is loading them or has abandoned them, it says so and
  // loads nothing twice. What failed for sure may be tried again.
  virtual absl::StatusOr<Outcome> Load(const FileLoad& load, std::stop_token stop) = 0;

  // kAbandoned: nothing of the commit is visible or will be, even if a request to load it is still
  // on its way. kCommitted: all of it is visible. `load` has no files if their list is lost.
  virtual absl::StatusOr<Outcome> Abandon(const FileLoad& load, std::stop_token stop) = 0;
};

}  // namespace millrace::loads

#endif  // MILLRACE_LOADS_FILE_LOADER_H_
