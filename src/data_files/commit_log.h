// Where it is recorded which commits of data files were made.
#ifndef MILLRACE_DATA_FILES_COMMIT_LOG_H_
#define MILLRACE_DATA_FILES_COMMIT_LOG_H_

#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "data_files/file_store.h"
#include "pipeline/intents.h"

namespace millrace::data_files {

// Thread-safe. Whatever is recorded of a commit first stays. Unavailable: unknown; ask again.
class CommitLog {
 public:
  virtual ~CommitLog() = default;

  enum class Outcome { kNone, kCommitted, kAbandoned };
  virtual absl::StatusOr<Outcome> OutcomeOf(const Intent& intent, const std::stop_token& stop) = 0;
  // Of a commit of which nothing is recorded and nothing is staged: whether readers have files of
  // it all the same, because the record was removed.
  virtual absl::StatusOr<bool> HasFilesOf(const Intent& intent, const std::stop_token& stop) {
    (void)intent, (void)stop;
    return false;
  }
  // What has to be kept with files that are sealed now, so that any process can commit them.
  virtual std::string Note() const { return ""; }
  // Records that the commit is made, or that it never will be, unless the other is recorded.
  // Returns what is recorded then. All files of a commit have their names already. NotFound: they
  // can never be committed.
  virtual absl::StatusOr<Outcome> Commit(const Intent& intent, const StagedFiles& staged,
                                         const std::stop_token& stop) = 0;
  virtual absl::StatusOr<Outcome> Abandon(const Intent& intent, const std::stop_token& stop) = 0;
};

}  // namespace millrace::data_files

#endif  // MILLRACE_DATA_FILES_COMMIT_LOG_H_
