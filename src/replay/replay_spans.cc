#include "replay/replay_spans.h"

#include "base/status.h"
#include "base/strings.h"
#include "io/worker_id.h"

namespace millrace {

ReplaySpans::ReplaySpans(DeliveryCursor& cursor, Retrier& retrier)
    : cursor_(cursor), retrier_(retrier), writer_(StrCat(CurrentWorkerId(), "/replay")) {}

absl::Status ReplaySpans::Claim(const LedgerKey& object, std::stop_token stop) {
  Claimed& claimed = claimed_[object];
  claimed.key = object;
  claimed.key.object = StrCat("replay:", object.object);
  for (RetryLoop tries(retrier_);;) {
    absl::StatusOr<RowRanges> rows = cursor_.Claim(claimed.key, writer_, stop);
    if (rows.ok()) {
      tries.Succeeded();
      claimed.rows = *std::move(rows);
      return absl::OkStatus();
    }
    if (!absl::IsUnavailable(rows.status())) return rows.status();
    RETURN_IF_ERROR(tries.WaitToRetry(rows.status(), absl::ZeroDuration(), stop));
  }
}

absl::Status ReplaySpans::Prepare(const Batch& batch, const std::vector<ReplayedRow>& records,
                                  std::stop_token stop) {
  claimed_.clear();
  batch_.clear();
  spans_.clear();
  original_rows_.clear();
  for (size_t i = 0; i < batch.rows(); ++i) {
    const ReplayedRow& record = records[batch.source_rows[i]];
    if (!claimed_.contains(*record.object)) RETURN_IF_ERROR(Claim(*record.object, stop));
    const Claimed& claimed = claimed_.at(*record.object);
    if (claimed.rows.Contains(record.row)) continue;
    const bool continues =
        !original_rows_.empty() && batch.source_rows[original_rows_.back()] == batch.source_rows[i];
    if (!continues) {
      spans_.push_back({.object = &claimed.key,
                        .writer = &writer_,
                        .first = batch_.rows(),
                        .begin_row = record.row,
                        .end_row = record.row + 1});
    }
    ++spans_.back().rows;
    batch_.bytes.Append(batch.row(i));
    batch_.EndRow(record.row);
    original_rows_.push_back(i);
  }
  return absl::OkStatus();
}

void ReplaySpans::Release() {
  for (const auto& [object, claimed] : claimed_) {
    cursor_.Release(claimed.key, writer_, /*delivered=*/true);
  }
  claimed_.clear();
}

}  // namespace millrace
