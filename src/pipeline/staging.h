// Destinations whose rows become visible by commits: many batches are staged where nobody sees
// them, and one commit shows them all.
#ifndef MILLRACE_PIPELINE_STAGING_H_
#define MILLRACE_PIPELINE_STAGING_H_

#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "pipeline/dead_letter_queue.h"
#include "pipeline/intents.h"
#include "pipeline/sink.h"

namespace millrace {

// One thread at a time: Run() makes one per worker.
class StagedSink {
 public:
  virtual ~StagedSink() = default;

  // Adds the batch to the next commit. Durable(refused): it is staged, but for the rows that the
  // sink refuses already; if it refuses an event of a source row, it refuses all of them. Retry:
  // nothing of it is staged. Other outcomes as in Sink::Write().
  virtual WriteResult Stage(const Batch& batch, absl::Span<const BatchSpan> spans,
                            std::stop_token stop) = 0;

  // Ends what was staged since the last call; it may also end what the other sinks of its Staging
  // have staged, because a commit seals all of them, before any stages again. Returns the names of
  // its parts (files, streams, uploads), which are complete and durable, not visible, and can be
  // committed by any process that has the destination's credentials. None if nothing was staged.
  // The names begin with nothing secret and take at most 1 KiB together. Unavailable: call it
  // again.
  virtual absl::StatusOr<std::vector<std::string>> Seal(const std::string& commit_id,
                                                        std::stop_token stop) = 0;

  // Bytes staged since the last Seal().
  virtual size_t staged_bytes() const = 0;
};

// The outcome of a commit.
struct CommitResult {
  enum class Kind {
    kCommitted,  // all is visible, once, but for `refused`
    kRetry,      // unknown: commit it again
    kGone,       // it is not visible, and its parts no longer exist: it must be abandoned
    kStop,       // a retry will not help
  };
  Kind kind = Kind::kRetry;
  absl::Status status;
  // Source rows of which the destination refused events when it looked into the parts: one for each
  // row, with all its refused events in payload_after. The same commit, asked again, has the same
  // ones.
  struct Refused {
    size_t span = 0;  // of Intent::spans
    Rejection rejection;
  };
  std::vector<Refused> refused;  // by span and row, ascending
};

// One thread at a time.
class Committer {
 public:
  virtual ~Committer() = default;

  // Makes the parts of `intent` visible. It may be called again for the same intent, by this
  // process or another one, after an outcome that was lost or a commit that is partly there: it
  // then does what is missing, and no row becomes visible twice.
  virtual CommitResult Commit(const Intent& intent, std::stop_token stop) = 0;

  // When it returns ok, nothing of `intent` is visible or will be, even if a request for it is
  // still on its way, and its parts are removed. FailedPrecondition: all of it is visible, so it
  // must be committed.
  virtual absl::Status Abandon(const Intent& intent, std::stop_token stop) = 0;
};

// Where a run stages. Thread-safe; outlives what it makes.
class Staging {
 public:
  virtual ~Staging() = default;
  virtual std::unique_ptr<StagedSink> NewSink() = 0;
  virtual std::unique_ptr<Committer> NewCommitter() = 0;
  // Removes what earlier runs of this process's machine staged and did not announce. Called once,
  // before anything is staged. The parts of `open`, the open intents, stay, and so does what runs
  // that still live have staged.
  virtual absl::Status RemoveOrphans(absl::Span<const Intent> open, std::stop_token stop) = 0;
};

// When Run() commits: when one of these is reached, at the end, and at a stop.
struct CommitLimits {
  size_t bytes = 256 << 20;   // staged
  uint64_t rows = 5'000'000;  // read
  // Since the first row was read. At most half of the lease is used.
  absl::Duration age = absl::Seconds(60);
  // How long the source may have had nothing ready. It may wait for objects to be acknowledged,
  // which they are by a commit.
  absl::Duration linger = absl::ZeroDuration();
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_STAGING_H_
