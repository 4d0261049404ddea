#include "connectors/postgres/postgres_cursor.h"

#include <memory>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/postgres/write_errors.h"
#include "pipeline/shared_ledger.h"

namespace millrace::postgres {
namespace {

constexpr size_t kMaxConnections = 2;
constexpr size_t kMaxCounted = 4096;  // objects of which CountRange() knows

RowRanges ReadRanges(const Rows& rows) {
  RowRanges ranges;
  for (size_t row = 0; row < rows.size(); ++row) {
    ranges.Add(rows.Number(row, 0), rows.Number(row, 1));
  }
  return ranges;
}

}  // namespace

PostgresCursor::PostgresCursor(const Address& address, TargetTable& table)
    : table_(table),
      connections_(kMaxConnections, [address] { return std::make_unique<Connection>(address); }) {}

absl::Status PostgresCursor::Transact(const Change& change, const std::stop_token& stop) {
  const auto connection = connections_.Borrow(stop);
  if (!connection) return StopRequested();
  absl::Status status;
  for (int attempt = 0; attempt < 2; ++attempt) {
    status = table_.Prepare(**connection, stop);
    if (status.ok()) status = (*connection)->Query(kBegin, stop).status();
    if (status.ok()) status = change(**connection);
    if (status.ok()) status = (*connection)->Commit(stop);
    (*connection)->Rollback();
    const bool was_lost = absl::IsUnavailable(status) && WasClosed((*connection)->error().state);
    if (was_lost) continue;
    return Explain(status, (*connection)->error(), table_.name());
  }
  return status;
}

// Not a SELECT first: a range that a sink records meanwhile would be deleted unseen. What another
// merge puts back meanwhile is not seen and stays.
absl::Status PostgresCursor::MergeRanges(Connection& connection, uint64_t object,
                                         const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const Rows taken, connection.Query(tables().TakeRangesSql(object), stop));
  const RowRanges ranges = ReadRanges(taken);
  if (ranges.empty()) return absl::OkStatus();
  const std::vector<std::pair<uint64_t, uint64_t>> merged(ranges.begin(), ranges.end());
  return connection.Query(tables().PutRangesSql(object, merged), stop).status();
}

absl::StatusOr<RowRanges> PostgresCursor::Claim(const LedgerKey& object, const std::string& writer,
                                                std::stop_token stop) {
  RETURN_IF_ERROR(CheckIsUtf8(object, "PostgreSQL"));
  RowRanges ranges;
  const auto claim = [&](Connection& connection) -> absl::Status {
    ASSIGN_OR_RETURN(const Rows claimed, connection.Query(tables().ClaimSql(object, writer), stop));
    const uint64_t number = claimed.Number(0, 0);
    ASSIGN_OR_RETURN(const Rows rows, connection.Query(tables().RangesSql(number), stop));
    ranges = ReadRanges(rows);
    if (ranges.size() == rows.size()) return absl::OkStatus();
    return MergeRanges(connection, number, stop);
  };
  RETURN_IF_ERROR(Transact(claim, stop));  // the caller says for which object
  return ranges;
}

absl::Status PostgresCursor::Forget(const LedgerKey& object, std::stop_token stop) {
  RETURN_IF_ERROR(CheckIsUtf8(object, "PostgreSQL"));
  const auto forget = [&](Connection& connection) -> absl::Status {
    ASSIGN_OR_RETURN(const Rows numbers, connection.Query(tables().ForgetSql(object), stop));
    for (size_t row = 0; row < numbers.size(); ++row) {
      RETURN_IF_ERROR(
          connection.Query(tables().TakeRangesSql(numbers.Number(row, 0)), stop).status());
    }
    return absl::OkStatus();
  };
  return Annotate(Transact(forget, stop), StrCat("forgetting ", object.object));
}

bool PostgresCursor::CountRange(uint64_t object) {
  absl::MutexLock lock(&mutex_);
  if (recorded_.size() >= kMaxCounted) recorded_.clear();
  uint64_t& count = recorded_[object];
  if (++count < kMergeEvery) return false;
  recorded_.erase(object);
  return true;
}

void PostgresCursor::Merge(Connection& connection, uint64_t object, const std::stop_token& stop) {
  if (connection.Query(kBegin, stop).ok() && MergeRanges(connection, object, stop).ok()) {
    (void)connection.Commit(stop);
  }
  connection.Rollback();
}

}  // namespace millrace::postgres
