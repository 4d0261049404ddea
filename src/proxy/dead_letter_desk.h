// The dead letters of a proxy, for the page of its admin listener: counted and shown by reason, and
// sent again.
#ifndef MILLRACE_PROXY_DEAD_LETTER_DESK_H_
#define MILLRACE_PROXY_DEAD_LETTER_DESK_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/retry_policy.h"
#include "pipeline/destination.h"
#include "proxy/record_appender.h"
#include "proxy/token_rules.h"
#include "replay/replay.h"
#include "spool/spool_entries.h"

namespace millrace::proxy {

// A destination whose dead letters are replayed.
struct ReplayTarget {
  Destination* destination = nullptr;
  SpoolEntries entries;  // of its delivery
};

struct DeadLetterDeskOptions {
  std::string folder;  // of the dead letters; empty: they go elsewhere, and none are shown
  std::string spool;   // the id of the spool, whose dead letters are shown; empty: of every spool
  RetryPolicy retry;   // of a replay
  size_t max_shown = 100;
  size_t max_payload_bytes = 32 << 10;            // shown of each
  absl::Duration max_scan = absl::Seconds(2);     // of a list; then it says that it is incomplete
  absl::Duration max_replay = absl::Seconds(30);  // without progress
};

// Its calls block, and may be made by one thread at a time.
class DeadLetterDesk {
 public:
  // All arguments outlive it. `tokens`: the rules that records are checked with again.
  DeadLetterDesk(DeadLetterDeskOptions options, std::vector<ReplayTarget> targets,
                 RecordAppender& log, std::function<TokenRules()> tokens, Clock& clock);

  // Reads the dead letters only if they have changed since the last call.
  // {"kept": bool, "complete": bool, "codes": {code: count}, "records": [...]}: records that were
  // not replayed, of `code` or, if it is empty, of all; the newest first, at most `max_shown`.
  absl::StatusOr<std::string> List(std::string_view code);

  // Sends what matches again: records that were refused when they arrived into the log, others to
  // the destination that refused them. `filter.object` is not used. A report that ends in an error
  // says which destination's.
  ReplayReport Replay(const DeadLetterFilter& filter, const std::stop_token& stop);

 private:
  // Of objects of our spool: `kind` is "proxy:" or "spool:".
  std::string PrefixOf(std::string_view kind) const;
  bool IsOurs(const LedgerKey& object) const;
  // Where a record goes again; null: its destination is not one of these any more.
  const ReplayTarget* TargetOf(const LedgerKey& object) const;
  absl::StatusOr<std::string> Read(std::string_view code) const;
  ReplayRequest RequestOf(const ReplayTarget& target, const DeadLetterFilter& filter) const;

  const DeadLetterDeskOptions options_;
  const std::vector<ReplayTarget> targets_;
  const std::unique_ptr<Destination> log_;
  const ReplayTarget into_log_;
  const std::function<TokenRules()> tokens_;
  Clock& clock_;
  // The last list, of what it was made, and which files there were.
  std::string listed_, listed_code_, listed_files_;
};

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_DEAD_LETTER_DESK_H_
