// The tables in which PostgreSQL keeps the cursor: millrace_writers has a row for each object,
// version and config, with its only writer; millrace_delivered has ranges of its source rows.
// Format: docs/connectors/postgres.md.
#ifndef MILLRACE_CONNECTORS_POSTGRES_CURSOR_TABLES_H_
#define MILLRACE_CONNECTORS_POSTGRES_CURSOR_TABLES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "pipeline/ledger.h"
#include "pipeline/settled_ranges.h"
#include "pipeline/sink.h"

namespace millrace::postgres {

// Begins a transaction with limits that hold for it alone, so that no process that froze holds a
// lock for ever and poolers need no session: 30 s for a lock, 60 s between statements, 5 minutes
// for a statement, unless the server, role or DEST has others. A server that confirms commits
// before they are on disk is told not to.
inline constexpr char kBegin[] =
    "BEGIN ISOLATION LEVEL READ COMMITTED; "
    "SELECT set_config(name, value, true) FROM (VALUES ('lock_timeout', '0', '30s'), "
    "('idle_in_transaction_session_timeout', '0', '60s'), ('statement_timeout', '0', '5min'), "
    "('synchronous_commit', 'off', 'on')) AS v (name, unwanted, value) "
    "WHERE current_setting(name) = unwanted; ";
// Of processes that make tables at the same time, which IF NOT EXISTS alone does not order. After
// kBegin.
inline constexpr char kLockDdl[] = "SELECT pg_advisory_xact_lock(7883949219085214566); ";

// Raises the limits that kBegin has set, for statements that move many rows.
inline constexpr absl::Duration kAnHour = absl::Minutes(65);  // the server's limit ends it first
inline constexpr char kAllowAnHour[] =
    "SELECT set_config(name, '1h', true) FROM (VALUES ('lock_timeout', '30s'), "
    "('statement_timeout', '5min')) AS v (name, usual) WHERE current_setting(name) = usual; ";

// The object of a ledger key, whatever its config: 32 hex digits.
std::string ObjectHash(const LedgerKey& key);

// SQL for the two tables, which are "<prefix>_writers" and "<prefix>_delivered" in `schema`. Spans
// are numbered by their place in `spans`.
class CursorTables {
 public:
  explicit CursorTables(std::string_view schema, std::string_view prefix = "millrace");

  // As they are called in their schema.
  const std::string& writers_name() const { return writers_name_; }
  const std::string& delivered_name() const { return delivered_name_; }
  // Quoted.
  const std::string& writers() const { return writers_; }
  const std::string& delivered() const { return delivered_; }

  // Makes what is missing.
  std::string CreateSql() const;

  // Makes `writer` the only one; returns the object's number. Waits for transactions that have
  // recorded ranges.
  std::string ClaimSql(const LedgerKey& key, std::string_view writer) const;
  // Returns a row if `writer` is the only one.
  std::string HeldSql(const LedgerKey& key, std::string_view writer) const;
  // Deletes what is known of all objects of a destination; several statements.
  std::string ForgetAllSql(std::string_view destination) const;
  // Deletes the object's rows under every config and returns their numbers.
  std::string ForgetSql(const LedgerKey& key) const;

  // Records `ranges` for the spans whose writer is still theirs, and keeps it so until the end of
  // the transaction. Returns the number of each such span, that of its object, and whether its
  // witness was recorded before.
  std::string RecordSql(absl::Span<const BatchSpan> spans, absl::Span<const SettledRange> ranges,
                        absl::Span<const SettledRange> witnesses) const;
  // Waits for transactions that have recorded ranges of the spans' objects.
  std::string LockSql(absl::Span<const BatchSpan> spans) const;
  // Returns the spans whose writer is still theirs and whose witness is recorded.
  std::string FindSql(absl::Span<const BatchSpan> spans,
                      absl::Span<const SettledRange> witnesses) const;

  // The ranges of an object; the same, and deletes them; and stores others.
  std::string RangesSql(uint64_t object) const;
  std::string TakeRangesSql(uint64_t object) const;
  std::string PutRangesSql(uint64_t object,
                           const std::vector<std::pair<uint64_t, uint64_t>>& ranges) const;

 private:
  std::string JoinSpans(absl::Span<const BatchSpan> spans) const;
  std::string IsRecorded(absl::Span<const SettledRange> witnesses) const;

  const std::string writers_name_;
  const std::string delivered_name_;
  const std::string writers_;
  const std::string delivered_;
};

}  // namespace millrace::postgres

#endif  // MILLRACE_CONNECTORS_POSTGRES_CURSOR_TABLES_H_
