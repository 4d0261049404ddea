// Replays into a staged destination: each batch of records is a commit that is announced in a
// ledger, so that a replay that was killed repeats nothing.
#ifndef MILLRACE_REPLAY_REPLAY_COMMITS_H_
#define MILLRACE_REPLAY_REPLAY_COMMITS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/batch.h"
#include "base/clock.h"
#include "base/retrier.h"
#include "pipeline/dead_letter_record.h"
#include "pipeline/intent_resolver.h"
#include "pipeline/intents.h"
#include "pipeline/ledger.h"
#include "pipeline/staging.h"
#include "pipeline/whole_refusals.h"

namespace millrace {

// What the commits of replays need; all of it outlives them.
struct ReplayCommitsParts {
  Staging& staging;
  Ledger& ledger;
  WholeRefusals& refusals;
  Retrier& retrier;
  Clock& clock;
};

// One thread at a time. In the ledger, a record is an object of one row:
//
//   replay:<DeadLetterRecord::id>, whose version is the time of the record
//
// It is there from its commit until the outcome is recorded beside the dead letter.
class ReplayCommits {
 public:
  // `destination`: that of ledger keys. `lease`: of intents and rows.
  ReplayCommits(const ReplayCommitsParts& parts, std::string destination, absl::Duration lease);
  ~ReplayCommits();

  // How many records a batch may have: one commit takes all of them.
  static constexpr size_t kMaxRecords = kMaxIntentSpans;

  struct Refusal {
    std::string code;
    std::string field;
    std::string message;
  };
  using Refusals = std::map<size_t, Refusal>;  // by record
  // Commits `batch`, whose source rows are indexes of `records`, without the records that an
  // earlier replay has committed. On return all but the returned records, which the destination
  // refused, are visible, once. Aborted: another replay has some of the records. Other errors end
  // the replay; the next one finishes or removes what they leave.
  absl::StatusOr<Refusals> Write(const Batch& batch,
                                 absl::Span<const DeadLetterRecord* const> records,
                                 std::stop_token stop);

  // The outcomes of the last Write() are recorded, so the ledger may forget its records. A failure
  // does no harm.
  void Forget(std::stop_token stop);

 private:
  class RefusedInCommits;
  // A record of the current call.
  struct Claimed {
    LedgerEntry entry;
    std::vector<size_t> rows;  // of the batch
  };

  absl::Status Prepare(const std::stop_token& stop);
  // False: an earlier replay has committed the record.
  absl::StatusOr<bool> Claim(const LedgerKey& key, LedgerEntry& entry, const std::stop_token& stop);
  absl::Status Stage(const Batch& batch, Refusals& refused, const std::stop_token& stop);
  absl::Status Commit(const std::stop_token& stop);
  void Release();
  Refusal WhyRefused(const LedgerKey& key) const;

  const ReplayCommitsParts parts_;
  const std::string destination_;
  const absl::Duration lease_;
  const std::unique_ptr<RefusedInCommits> refused_in_commits_;
  const std::unique_ptr<Committer> committer_;
  IntentResolver resolver_;
  std::unique_ptr<StagedSink> sink_;
  bool is_prepared_ = false;
  uint64_t commits_ = 0;
  std::map<size_t, Claimed> claimed_;  // by record; of the current Write()
  std::vector<LedgerKey> known_;       // in the ledger, of the last Write()
};

// FailedPrecondition: a replay into one of `destinations` (of ledger keys) has announced a commit
// that is not finished, which only a replay that commits can do.
absl::Status CheckNoOpenCommit(LedgerReader& ledger, const std::set<std::string>& destinations,
                               std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_REPLAY_REPLAY_COMMITS_H_
