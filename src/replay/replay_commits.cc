#include "replay/replay_commits.h"

#include <utility>

#include "base/delayed_stop.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/worker_id.h"
#include "pipeline/retry_unavailable.h"

namespace millrace {
namespace {

constexpr std::string_view kPrefix = "replay:";
constexpr absl::Duration kReleaseGrace = absl::Seconds(10);

bool IsOfReplay(const Intent& intent) {
  return !intent.spans.empty() && intent.spans.front().object.object.starts_with(kPrefix);
}

LedgerKey KeyOf(const DeadLetterRecord& record, const std::string& destination) {
  return {StrCat(kPrefix, record.id()), StrCat(absl::ToUnixNanos(record.time)), "", destination};
}

}  // namespace

// Takes what destinations refuse when they commit. The records are dead letters already.
class ReplayCommits::RefusedInCommits final : public DeadLetterQueue {
 public:
  absl::Status Add(const LedgerKey& object, absl::Span<const Rejection> rejections) override {
    for (const Rejection& rejection : rejections) refused_[object.object] = rejection;
    return absl::OkStatus();
  }
  absl::Status Sync(const LedgerKey&) override { return absl::OkStatus(); }
  absl::Status RemoveRows(const LedgerKey&, uint64_t, uint64_t) override {
    return absl::OkStatus();
  }

  // Null: it was not this process that committed the record.
  const Rejection* Find(const LedgerKey& object) const {
    const auto found = refused_.find(object.object);
    return found == refused_.end() ? nullptr : &found->second;
  }

 private:
  std::map<std::string, Rejection> refused_;
};

ReplayCommits::ReplayCommits(const ReplayCommitsParts& parts, std::string destination,
                             absl::Duration lease)
    : parts_(parts),
      destination_(std::move(destination)),
      lease_(lease),
      refused_in_commits_(std::make_unique<RefusedInCommits>()),
      committer_(parts.staging.NewCommitter()),
      resolver_(parts.ledger, *committer_, *refused_in_commits_, parts.retrier, parts.clock, lease),
      sink_(parts.staging.NewSink()) {}

ReplayCommits::~ReplayCommits() { Release(); }

absl::StatusOr<ReplayCommits::Refusals> ReplayCommits::Write(
    const Batch& batch, absl::Span<const DeadLetterRecord* const> records, std::stop_token stop) {
  RETURN_IF_ERROR(Prepare(stop));
  Refusals refused;
  claimed_.clear();
  known_.clear();
  std::map<size_t, std::vector<size_t>> rows;  // by record
  for (size_t i = 0; i < batch.rows(); ++i) rows[batch.source_rows[i]].push_back(i);
  // Again with the records of a commit that was given up, until all are committed.
  while (!rows.empty()) {
    claimed_.clear();
    for (auto& [record, its_rows] : rows) {
      const LedgerKey key = KeyOf(*records[record], destination_);
      LedgerEntry entry;
      ASSIGN_OR_RETURN(const bool is_new, Claim(key, entry, stop));
      if (is_new) {
        claimed_[record] = {std::move(entry), its_rows};
        continue;
      }
      known_.push_back(key);
      if (entry.counts.rejected > 0) refused[record] = WhyRefused(key);
    }
    rows.clear();
    RETURN_IF_ERROR(Stage(batch, refused, stop));
    RETURN_IF_ERROR(Commit(stop));
    for (auto& [record, claimed] : claimed_) rows[record] = std::move(claimed.rows);
  }
  return refused;
}

// Ends what replays that were killed have announced, and removes what they staged only.
absl::Status ReplayCommits::Prepare(const std::stop_token& stop) {
  if (is_prepared_) return absl::OkStatus();
  Intents& intents = parts_.ledger.intents();
  const auto list = [&] { return intents.List(destination_, stop); };
  ASSIGN_OR_RETURN(const std::vector<Intent> left, RetryUnavailable(parts_.retrier, stop, list));
  for (const Intent& intent : left) {
    if (!IsOfReplay(intent)) continue;  // an import ends its own
    RETURN_IF_ERROR(
        resolver_.Resolve(intent.id, CurrentWorkerId(), IsWorkerDead(intent.owner), stop));
  }
  ASSIGN_OR_RETURN(const std::vector<Intent> open, RetryUnavailable(parts_.retrier, stop, list));
  RETURN_IF_ERROR(RetryUnavailable(parts_.retrier, stop, [&] {
    return Annotate(parts_.staging.RemoveOrphans(open, stop), "preparing the destination");
  }));
  is_prepared_ = true;
  return absl::OkStatus();
}

absl::StatusOr<bool> ReplayCommits::Claim(const LedgerKey& key, LedgerEntry& entry,
                                          const std::stop_token& stop) {
  using Outcome = Ledger::Claim::Outcome;
  const ClaimRequest request{.key = key, .owner = CurrentWorkerId(), .lease = lease_};
  ASSIGN_OR_RETURN(Ledger::Claim claim, RetryUnavailable(parts_.retrier, stop, [&] {
                     return parts_.ledger.ClaimObject(request, stop);
                   }));
  if (claim.outcome == Outcome::kHeld && IsWorkerDead(claim.entry.owner)) {
    // It was killed, so nobody has to wait for the lease. Aborted: another replay was faster.
    const absl::Status freed = parts_.ledger.Release(claim.entry, stop);
    if (!freed.ok() && !absl::IsAborted(freed)) return freed;
    ASSIGN_OR_RETURN(claim, parts_.ledger.ClaimObject(request, stop));
  }
  entry = std::move(claim.entry);
  if (claim.outcome == Outcome::kClaimed) return true;
  if (claim.outcome == Outcome::kDone) return false;
  return absl::AbortedError(StrCat("another replay is sending the record ",
                                   key.object.substr(kPrefix.size()),
                                   ": run again when it has ended"));
}

// Stages the rows of the claimed records. Those that the destination refuses leave claimed_.
absl::Status ReplayCommits::Stage(const Batch& batch, Refusals& refused,
                                  const std::stop_token& stop) {
  Batch staged;
  std::vector<BatchSpan> spans;
  std::vector<size_t> records;  // of the rows of `staged`
  const std::string writer = CurrentWorkerId();
  for (const auto& [record, claimed] : claimed_) {
    spans.push_back({.object = &claimed.entry.key,
                     .writer = &writer,
                     .first = staged.rows(),
                     .rows = claimed.rows.size(),
                     .begin_row = 0,
                     .end_row = 1});
    for (const size_t row : claimed.rows) {
      staged.bytes.Append(batch.row(row));
      staged.EndRow(0);
      records.push_back(record);
    }
  }
  if (staged.empty()) return absl::OkStatus();
  for (RetryLoop tries(parts_.retrier);;) {
    const WriteResult result = sink_->Stage(staged, spans, stop);
    if (!result.durable() && !result.refused_whole()) {
      if (!result.retryable()) return result.status();
      RETURN_IF_ERROR(tries.WaitToRetry(result.status(), result.retry_after(), stop));
      continue;
    }
    tries.Succeeded();
    ASSIGN_OR_RETURN(const std::vector<RefusedRow> rows,
                     parts_.refusals.Judge(result, staged.rows()));
    for (const RefusedRow& row : rows) {
      const auto found = claimed_.find(records[row.row]);
      if (found == claimed_.end()) continue;  // another row of the record was refused
      refused[records[row.row]] = {row.code, row.field, row.message};
      parts_.ledger.Forget(found->second.entry.key, stop).IgnoreError();
      claimed_.erase(found);
    }
    return absl::OkStatus();
  }
}

// Commits what is staged. Afterwards claimed_ has the records that are not visible, because the
// commit was given up.
absl::Status ReplayCommits::Commit(const std::stop_token& stop) {
  if (claimed_.empty()) return absl::OkStatus();
  const LedgerEntry& first = claimed_.begin()->second.entry;
  Intent intent{
      .id = ToHex(HashBytes(StrCat(first.key.object, "\n", first.key.version, "\n", destination_,
                                   "\n", first.revision, "\n", CurrentWorkerId(), "\n",
                                   absl::ToUnixNanos(parts_.clock.Now()), "\n", commits_++))),
      .destination = destination_,
      .owner = first.owner};
  ASSIGN_OR_RETURN(intent.parts, RetryUnavailable(parts_.retrier, stop,
                                                  [&] { return sink_->Seal(intent.id, stop); }));
  for (const auto& [record, claimed] : claimed_) {
    intent.spans.push_back({.object = claimed.entry.key,
                            .revision = claimed.entry.revision,
                            .after = {.row = 1},
                            .counts = {.read = 1, .accepted = 1, .events = claimed.rows.size()},
                            .state = LedgerState::kDone});
  }
  RETURN_IF_ERROR(RetryUnavailable(parts_.retrier, stop, [&] {
    return Annotate(parts_.ledger.intents().Announce(intent, lease_, stop),
                    "announcing the commit of a replay");
  }));
  return resolver_.Finish(intent, stop).status();
}

// Lets other replays have the records that an error left claimed.
void ReplayCommits::Release() {
  const DelayedStop grace(kReleaseGrace);
  for (auto& [record, claimed] : claimed_) {
    parts_.ledger.Release(claimed.entry, grace.token()).IgnoreError();
  }
}

// Of a record that was refused in a commit.
ReplayCommits::Refusal ReplayCommits::WhyRefused(const LedgerKey& key) const {
  if (const Rejection* const why = refused_in_commits_->Find(key)) {
    return {why->code, why->field, why->message};
  }
  return {"rejected_by_destination", "",
          "the destination refused it in the commit of an earlier replay"};
}

void ReplayCommits::Forget(std::stop_token stop) {
  for (const LedgerKey& key : known_) {
    const auto forgotten =
        RetryUnavailable(parts_.retrier, stop, [&] { return parts_.ledger.Forget(key, stop); });
    if (forgotten.ok()) continue;
    Log(Severity::kWarning, "the ledger keeps a replayed record, which does no harm",
        {{"record", key.object}, {"error", ToStd(forgotten.status().message())}});
    return;
  }
  known_.clear();
}

absl::Status CheckNoOpenCommit(LedgerReader& ledger, const std::set<std::string>& destinations,
                               std::stop_token stop) {
  return ledger.ForEach(
      [&](const LedgerEntry& entry) {
        const LedgerKey& key = entry.key;
        const bool is_open = key.object.starts_with(kPrefix) && !entry.intent.empty();
        if (!is_open || !destinations.contains(key.destination)) return absl::OkStatus();
        return absl::FailedPreconditionError(
            StrCat("the commit ", entry.intent, " of an earlier replay is open, and only its own ",
                   "method can finish it: run the replay once more with the DEST of that run"));
      },
      std::move(stop));
}

}  // namespace millrace
