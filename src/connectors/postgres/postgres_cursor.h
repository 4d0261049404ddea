// The cursor that PostgreSQL keeps: claims and forgets objects (see cursor_tables.h).
#ifndef MILLRACE_CONNECTORS_POSTGRES_POSTGRES_CURSOR_H_
#define MILLRACE_CONNECTORS_POSTGRES_POSTGRES_CURSOR_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "base/pool.h"
#include "connectors/postgres/cursor_tables.h"
#include "connectors/postgres/target_table.h"
#include "pipeline/delivery_cursor.h"
#include "postgres_client/connection.h"

namespace millrace::postgres {

// Thread-safe.
class PostgresCursor final : public DeliveryCursor {
 public:
  // A sink adds a range with each write; so often those of an object are merged.
  static constexpr uint64_t kMergeEvery = 128;

  // The cursor of `table`, which outlives this object.
  PostgresCursor(const Address& address, TargetTable& table);

  absl::StatusOr<RowRanges> Claim(const LedgerKey& object, const std::string& writer,
                                  std::stop_token stop) override;
  absl::Status Forget(const LedgerKey& object, std::stop_token stop) override;

  const CursorTables& tables() const { return table_.cursor_tables(); }

  // A sink has recorded a range of the object with this number. True if it should call Merge().
  bool CountRange(uint64_t object);
  // Makes one range of those that touch, in a transaction of its own. A failure does no harm.
  void Merge(Connection& connection, uint64_t object, const std::stop_token& stop);

 private:
  using Change = std::function<absl::Status(Connection&)>;
  // In one transaction; once more if the connection was lost since its last use.
  absl::Status Transact(const Change& change, const std::stop_token& stop);
  absl::Status MergeRanges(Connection& connection, uint64_t object, const std::stop_token& stop);

  TargetTable& table_;
  Pool<Connection> connections_;
  absl::Mutex mutex_;
  absl::flat_hash_map<uint64_t, uint64_t> recorded_ ABSL_GUARDED_BY(mutex_);  // since the merge
};

}  // namespace millrace::postgres

#endif  // MILLRACE_CONNECTORS_POSTGRES_POSTGRES_CURSOR_H_
