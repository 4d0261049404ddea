// Ends announced commits: makes them and settles the ledger, or undoes them.
#ifndef MILLRACE_PIPELINE_INTENT_RESOLVER_H_
#define MILLRACE_PIPELINE_INTENT_RESOLVER_H_

#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/retrier.h"
#include "pipeline/dead_letter_queue.h"
#include "pipeline/intents.h"
#include "pipeline/ledger.h"
#include "pipeline/staging.h"

namespace millrace {

// One thread at a time. While a commit takes long, a thread of its own renews the intent's lease.
class IntentResolver {
 public:
  // All arguments outlive it. `lease` is that of intents and rows.
  IntentResolver(Ledger& ledger, Committer& committer, DeadLetterQueue& dead_letter,
                 Retrier& retrier, Clock& clock, absl::Duration lease)
      : ledger_(ledger),
        committer_(committer),
        dead_letter_(dead_letter),
        retrier_(retrier),
        clock_(clock),
        lease_(lease) {}

  struct Outcome {
    bool settled = false;       // else it was withdrawn: nothing of it is visible or will be
    std::string first_refusal;  // a row that the destination refused in the commit; empty: none
  };
  // Commits an intent that the caller has announced or taken, and settles it. If its parts no
  // longer exist, abandons and withdraws it. Rows that the destination refused are moved from
  // accepted to rejected in intent.spans, and are in the dead-letter queue; after a crash they may
  // be there twice. The revisions in intent.spans are the rows'. Aborted: another worker has taken
  // the intent. Other errors: it is still open, and free to be taken.
  absl::StatusOr<Outcome> Finish(Intent& intent, std::stop_token stop);

  // Removes the parts of an intent and makes sure that nothing of it becomes visible.
  // FailedPrecondition as Committer::Abandon().
  absl::Status Abandon(const Intent& intent, const std::stop_token& stop);

  // Takes the intent `id` for `owner` and finishes it; before its lease has expired, only if
  // `owner_is_dead`, that is, if its worker is known to be. Ok also if there is no such intent or
  // another worker holds it: claim the object again to see.
  absl::Status Resolve(const std::string& id, const std::string& owner, bool owner_is_dead,
                       std::stop_token stop);

 private:
  class Lease;

  absl::Status TryToFinish(Intent& intent, Outcome& outcome, const std::stop_token& stop);
  absl::StatusOr<CommitResult> Commit(const Intent& intent, const std::stop_token& stop);
  absl::Status KeepRefused(const CommitResult& result, Intent& intent, Outcome& outcome);

  Ledger& ledger_;
  Committer& committer_;
  DeadLetterQueue& dead_letter_;
  Retrier& retrier_;
  Clock& clock_;
  const absl::Duration lease_;
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_INTENT_RESOLVER_H_
