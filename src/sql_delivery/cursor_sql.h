// The statements by which a database keeps the cursor. "writers" has a row for each object, version
// and config, with its only writer; "delivered" has ranges of its source rows.
#ifndef MILLRACE_SQL_DELIVERY_CURSOR_SQL_H_
#define MILLRACE_SQL_DELIVERY_CURSOR_SQL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "base/row_ranges.h"
#include "pipeline/ledger.h"
#include "sql_delivery/script.h"

namespace millrace::sql_delivery {

// The columns of the two tables, for CREATE TABLE: names are written without quotes. `text` and
// `integer` (64 bits) are types of the database.
std::string WritersColumns(std::string_view text);
std::string DeliveredColumns(std::string_view text, std::string_view integer);

// What a part of a batch settles of one of its spans.
struct PartSpan {
  size_t span = 0;     // its place in the batch
  std::string object;  // ObjectKey()
  std::string writer;
  // A source row that is recorded if the part is, and was not before; nullopt: the part has no row
  // of the span.
  std::optional<uint64_t> witness;
  std::optional<uint64_t> last_row;                   // the last such row
  std::vector<std::pair<uint64_t, uint64_t>> ranges;  // source rows
};

// The object, version, destination and config: 32 hex digits.
std::string ObjectKey(const LedgerKey& key);

// Stores `rows` (EncodedBatch::Rows()) of the spans that are open, and records their ranges. A span
// is open if its writer is the only one and its witness is not recorded. The result has HeldSpans.
// With a guard: all spans must be open, and there is no result.
Script StoreScript(const SqlDialect& dialect, absl::Span<const std::string_view> rows,
                   absl::Span<const PartSpan> spans);
// Stores nothing; the result has HeldSpans.
Script HeldScript(const SqlDialect& dialect, absl::Span<const PartSpan> spans);

// A span whose writer is the only one.
struct HeldSpan {
  size_t span = 0;
  // Set if an earlier script had stored the witness: the end of the range that has it.
  std::optional<uint64_t> there_until;
};
// nullopt: `rows` is not such a result.
std::optional<std::vector<HeldSpan>> ReadHeldSpans(const TextRows& rows);

// The result has all ranges of the spans' objects, whoever recorded them.
Script RangesScript(const SqlDialect& dialect, absl::Span<const PartSpan> spans);
struct SpanRange {
  size_t span = 0;
  uint64_t begin = 0;
  uint64_t end = 0;
};
std::optional<std::vector<SpanRange>> ReadSpanRanges(const TextRows& rows);

// Makes `writer` the only one. The result has the ranges that are recorded.
Script ClaimScript(const SqlDialect& dialect, const LedgerKey& key, std::string_view writer);
std::optional<RowRanges> ReadRanges(const TextRows& rows);
// Replaces the ranges by `ranges` if `writer` is still the only one.
Script MergeScript(const SqlDialect& dialect, const LedgerKey& key, std::string_view writer,
                   const RowRanges& ranges);

// Deletes what is known of the object under every config.
Script ForgetScript(const SqlDialect& dialect, const LedgerKey& key);
// Deletes what is known of all objects of a destination (LedgerKey::destination).
Script ForgetAllScript(const SqlDialect& dialect, std::string_view destination);
// The same, if the condition `only_if` holds; it is evaluated once.
Script ForgetAllIfScript(const SqlDialect& dialect, std::string_view destination,
                         std::string_view only_if);

}  // namespace millrace::sql_delivery

#endif  // MILLRACE_SQL_DELIVERY_CURSOR_SQL_H_
