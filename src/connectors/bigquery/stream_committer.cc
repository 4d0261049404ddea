#include "connectors/bigquery/stream_committer.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"

namespace millrace::bigquery {
namespace {

using Kind = CommitResult::Kind;

bool MayPass(const StorageError& error) {
  if (absl::IsCancelled(error.status)) return true;
  const ErrorAction action = ClassifyCall(error);
  return action == ErrorAction::kRetry || action == ErrorAction::kThrottled;
}

// Whether the answer is about the streams or the table, so that looking at them tells more.
bool IsAboutStreams(const WriteStreams::Committed& committed) {
  if (!committed.codes.empty()) return true;
  switch (committed.error.status.code()) {
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kInvalidArgument:
      return true;
    default:
      return false;
  }
}

// The ids of the parts of an intent.
struct Parts {
  std::vector<std::string> streams;
  std::string fence;       // empty: there is none
  std::string table_time;  // empty: it is not known
  bool is_broken = false;
  bool is_foreign = false;  // of another method

  static Parts Of(const Intent& intent) {
    Parts parts;
    for (const std::string& part : intent.parts) {
      if (part.starts_with(kStreamPart)) {
        parts.streams.push_back(part.substr(kStreamPart.size()));
      } else if (part.starts_with(kFencePart)) {
        parts.fence = part.substr(kFencePart.size());
        if (const size_t at = parts.fence.find('@'); at != std::string::npos) {
          parts.table_time = parts.fence.substr(at + 1);
          parts.fence.resize(at);
        }
      } else {
        parts.is_broken = true;
        parts.is_foreign = parts.is_foreign || !part.starts_with(kBrokenPart);
      }
    }
    return parts;
  }

  std::vector<std::string> All() const {
    std::vector<std::string> all = streams;
    if (!fence.empty()) all.push_back(fence);
    return all;
  }
};

absl::Status ForeignCommit(const Intent& intent) {
  return absl::FailedPreconditionError(
      StrCat("the commit ", intent.id, " was begun with bucket=, and its files are at ",
             intent.parts.front(), " there: run the command once more with the DEST of that run"));
}

class StreamCommitter final : public Committer {
 public:
  StreamCommitter(const WriteStreams& streams, Forgotten forgotten, TableTime table_time)
      : streams_(streams), forgotten_(forgotten), table_time_(std::move(table_time)) {}

  CommitResult Commit(const Intent& intent, std::stop_token stop) override;
  absl::Status Abandon(const Intent& intent, std::stop_token stop) override;

 private:
  enum class Found { kMissing, kPending, kCommitted };
  // What the first of the streams that is there says of all, which are committed together.
  absl::StatusOr<Found> Look(const std::vector<std::string>& ids, const std::stop_token& stop);
  // What the streams say about a commit that was refused.
  absl::StatusOr<CommitResult> Settle(const Parts& parts, const absl::Status& why,
                                      const std::stop_token& stop);
  // The commit cannot be told from one that was never made.
  absl::StatusOr<CommitResult> Guess(const Parts& parts, const std::stop_token& stop);
  absl::Status Explained(const StorageError& error) const {
    return Explain(error, streams_.table());
  }
  // Cancelled: only because of `stop`.
  absl::Status Annotated(const StorageError& error, const std::stop_token& stop) const {
    const absl::Status why = Annotate(Explained(error), "committing to BigQuery");
    if (!MayPass(error) || (absl::IsCancelled(why) && stop.stop_requested())) return why;
    return absl::UnavailableError(why.message());
  }

  const WriteStreams& streams_;
  const Forgotten forgotten_;
  const TableTime table_time_;
};

absl::StatusOr<StreamCommitter::Found> StreamCommitter::Look(const std::vector<std::string>& ids,
                                                             const std::stop_token& stop) {
  for (const std::string& id : ids) {
    bool is_committed = false;
    const StorageError error = streams_.Look(id, is_committed, stop);
    if (error.ok()) return is_committed ? Found::kCommitted : Found::kPending;
    if (error.code == StorageCode::kStreamAlreadyCommitted) return Found::kCommitted;
    if (!absl::IsNotFound(error.status) && error.code == StorageCode::kNone) {
      return Annotated(error, stop);
    }
  }
  return Found::kMissing;
}

absl::StatusOr<CommitResult> StreamCommitter::Guess(const Parts& parts,
                                                    const std::stop_token& stop) {
  if (table_time_ && !parts.table_time.empty()) {
    const absl::StatusOr<std::string> now = table_time_(stop);
    if (!now.ok() && !absl::IsNotFound(now.status())) return now.status();
    if (!now.ok() || *now != parts.table_time) {
      return CommitResult{.kind = Kind::kGone,
                          .status = absl::NotFoundError("its table was dropped")};
    }
  }
  // A stream that nobody uses tells whether the table is there.
  std::string id;
  const StorageError error = streams_.Create(id, stop);
  if (ClassifyCall(error) == ErrorAction::kNotYet) {
    return CommitResult{.kind = Kind::kGone, .status = Explained(error)};
  }
  if (!error.ok()) return Annotated(error, stop);
  switch (forgotten_) {
    case Forgotten::kDone:
      return CommitResult{.kind = Kind::kCommitted};
    case Forgotten::kResend:
      return CommitResult{.kind = Kind::kGone,
                          .status = absl::NotFoundError("BigQuery has forgotten its streams")};
    case Forgotten::kStop:
      break;
  }
  return CommitResult{
      .kind = Kind::kStop,
      .status = absl::FailedPreconditionError(
          StrCat(streams_.table(),
                 ": BigQuery has forgotten the streams of this commit, so nobody can tell whether "
                 "its rows are in the table. Look whether they are, and run the command again with "
                 "forgotten=done in the DEST if they are, or forgotten=resend if not"))};
}

absl::StatusOr<CommitResult> StreamCommitter::Settle(const Parts& parts, const absl::Status& why,
                                                     const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const Found streams, Look(parts.streams, stop));
  if (streams == Found::kCommitted) return CommitResult{.kind = Kind::kCommitted};
  if (streams == Found::kPending) return CommitResult{.kind = Kind::kGone, .status = why};
  if (parts.fence.empty()) return Guess(parts, stop);
  ASSIGN_OR_RETURN(const Found fence, Look({parts.fence}, stop));
  if (fence == Found::kMissing) return Guess(parts, stop);
  return CommitResult{.kind = Kind::kGone, .status = why};
}

CommitResult StreamCommitter::Commit(const Intent& intent, std::stop_token stop) {
  const Parts parts = Parts::Of(intent);
  if (parts.is_foreign) return {.kind = Kind::kStop, .status = ForeignCommit(intent)};
  if (parts.is_broken || parts.streams.empty()) {
    return {.kind = Kind::kGone,
            .status = absl::DataLossError("rows were lost before they were committed")};
  }
  const WriteStreams::Committed committed = streams_.Commit(parts.All(), stop);
  if (committed.error.ok() && committed.codes.empty()) return {.kind = Kind::kCommitted};
  absl::Status why = Annotated(committed.error, stop);
  if (why.ok()) why = absl::FailedPreconditionError("BigQuery refused the streams of the commit");
  if (!IsAboutStreams(committed)) {
    return {.kind = MayPass(committed.error) ? Kind::kRetry : Kind::kStop, .status = why};
  }
  absl::StatusOr<CommitResult> settled = Settle(parts, why, stop);
  if (settled.ok()) return *std::move(settled);
  const bool may_pass =
      absl::IsUnavailable(settled.status()) || absl::IsCancelled(settled.status());
  return {.kind = may_pass ? Kind::kRetry : Kind::kStop, .status = settled.status()};
}

absl::Status StreamCommitter::Abandon(const Intent& intent, std::stop_token stop) {
  const Parts parts = Parts::Of(intent);
  if (parts.is_foreign) return ForeignCommit(intent);
  if (parts.fence.empty()) {
    // Only an intent of nothing but broken streams, which are never committed, has none.
    return parts.streams.empty() ? absl::OkStatus()
                                 : absl::InternalError("the commit has no fence");
  }
  const WriteStreams::Committed fenced = streams_.Commit({parts.fence}, stop);
  if (fenced.error.ok() && fenced.codes.empty()) return absl::OkStatus();
  if (!IsAboutStreams(fenced)) return Annotated(fenced.error, stop);
  ASSIGN_OR_RETURN(const Found streams, Look(parts.streams, stop));
  if (streams == Found::kCommitted) {
    return absl::FailedPreconditionError(StrCat("the commit ", intent.id, " is made"));
  }
  ASSIGN_OR_RETURN(const Found fence, Look({parts.fence}, stop));
  // Committed: it is abandoned already. Missing: every commit names it, and fails.
  if (fence != Found::kPending) return absl::OkStatus();
  return absl::UnavailableError(
      StrCat(streams_.table(), ": BigQuery does not commit the fence of ", intent.id));
}

}  // namespace

std::unique_ptr<Committer> NewStreamCommitter(const WriteStreams& streams, Forgotten forgotten,
                                              TableTime table_time) {
  return std::make_unique<StreamCommitter>(streams, forgotten, std::move(table_time));
}

}  // namespace millrace::bigquery
