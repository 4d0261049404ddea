#include "connectors/postgres/cursor_tables.h"

#include "base/hash.h"
#include "base/strings.h"
#include "postgres_client/sql_text.h"

namespace millrace::postgres {
namespace {

// The spans of a batch may begin with rows that were recorded before the object was claimed.
constexpr char kExtend[] =
    "ON CONFLICT (object, first_row) DO UPDATE SET end_row = greatest(d.end_row, excluded.end_row)";

// "VALUES (0, 'hash'::uuid, 'config', 'writer'), ...".
std::string SpanValues(absl::Span<const BatchSpan> spans) {
  std::string values = "VALUES ";
  for (size_t i = 0; i < spans.size(); ++i) {
    StrAppend(&values, i == 0 ? "(" : ", (", i, ", '", ObjectHash(*spans[i].object), "'::uuid, ",
              QuoteText(spans[i].object->config), ", ", QuoteText(*spans[i].writer), ")");
  }
  return values;
}

std::string RangeValues(absl::Span<const SettledRange> ranges) {
  std::string values = "VALUES ";
  for (size_t i = 0; i < ranges.size(); ++i) {
    StrAppend(&values, i == 0 ? "(" : ", (", ranges[i].span, ", ", ranges[i].first_row,
              "::bigint, ", ranges[i].end_row, "::bigint)");
  }
  return values;
}

}  // namespace

std::string ObjectHash(const LedgerKey& key) {
  return ToHex(HashBytes(StrCat(key.object.size(), ":", key.object, key.version.size(), ":",
                                key.version, key.destination)));
}

CursorTables::CursorTables(std::string_view schema, std::string_view prefix)
    : writers_name_(StrCat(prefix, "_writers")),
      delivered_name_(StrCat(prefix, "_delivered")),
      writers_(QuoteTable(schema, writers_name_)),
      delivered_(QuoteTable(schema, delivered_name_)) {}

std::string CursorTables::CreateSql() const {
  return StrCat("CREATE TABLE IF NOT EXISTS ", writers_,
                " (object bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
                "object_hash uuid NOT NULL, uri text NOT NULL, version text NOT NULL, "
                "destination text NOT NULL, config text NOT NULL, writer text NOT NULL, "
                "updated timestamptz NOT NULL DEFAULT now(), UNIQUE (object_hash, config)); "
                "CREATE TABLE IF NOT EXISTS ",
                delivered_,
                " (object bigint NOT NULL, first_row bigint NOT NULL, end_row bigint NOT NULL, "
                "PRIMARY KEY (object, first_row)); ");
}

std::string CursorTables::ClaimSql(const LedgerKey& key, std::string_view writer) const {
  return StrCat("INSERT INTO ", writers_,
                " (object_hash, uri, version, destination, config, writer) VALUES ('",
                ObjectHash(key), "', ", QuoteText(key.object), ", ", QuoteText(key.version), ", ",
                QuoteText(key.destination), ", ", QuoteText(key.config), ", ", QuoteText(writer),
                ") ON CONFLICT (object_hash, config) DO UPDATE SET writer = excluded.writer, "
                "updated = now() RETURNING object");
}

std::string CursorTables::HeldSql(const LedgerKey& key, std::string_view writer) const {
  return StrCat("SELECT 1 FROM ", writers_, " WHERE object_hash = '", ObjectHash(key),
                "' AND config = ", QuoteText(key.config), " AND writer = ", QuoteText(writer));
}

std::string CursorTables::ForgetSql(const LedgerKey& key) const {
  return StrCat("DELETE FROM ", writers_, " WHERE object_hash = '", ObjectHash(key),
                "' RETURNING object");
}

std::string CursorTables::ForgetAllSql(std::string_view destination) const {
  const std::string of_destination = StrCat(" WHERE destination = ", QuoteText(destination));
  return StrCat("DELETE FROM ", delivered_, " WHERE object IN (SELECT object FROM ", writers_,
                of_destination, "); DELETE FROM ", writers_, of_destination, "; ");
}

std::string CursorTables::JoinSpans(absl::Span<const BatchSpan> spans) const {
  return StrCat(writers_, " w JOIN (", SpanValues(spans),
                ") AS s (span, object_hash, config, writer) ON w.object_hash = s.object_hash "
                "AND w.config = s.config");
}

std::string CursorTables::IsRecorded(absl::Span<const SettledRange> witnesses) const {
  if (witnesses.empty()) return "false";
  return StrCat("EXISTS (SELECT 1 FROM (", RangeValues(witnesses),
                ") AS r (span, first_row, end_row) JOIN ", delivered_,
                " d ON d.object = w.object AND d.first_row <= r.first_row "
                "AND d.end_row >= r.end_row WHERE r.span = s.span)");
}

// A claim that is made meanwhile waits for the shared lock; one that was made before has changed
// the writer, and the server compares it again after it has waited.
std::string CursorTables::RecordSql(absl::Span<const BatchSpan> spans,
                                    absl::Span<const SettledRange> ranges,
                                    absl::Span<const SettledRange> witnesses) const {
  std::string sql =
      StrCat("WITH held AS (SELECT s.span, w.object, ", IsRecorded(witnesses), " AS is_there FROM ",
             JoinSpans(spans), " AND w.writer = s.writer ORDER BY w.object FOR SHARE OF w)");
  if (!ranges.empty()) {
    StrAppend(&sql, ", recorded AS (INSERT INTO ", delivered_,
              " AS d (object, first_row, end_row) SELECT held.object, r.first_row, r.end_row "
              "FROM held JOIN (",
              RangeValues(ranges), ") AS r (span, first_row, end_row) ON r.span = held.span ",
              kExtend, ")");
  }
  return sql + " SELECT span, object, is_there FROM held";
}

std::string CursorTables::LockSql(absl::Span<const BatchSpan> spans) const {
  return StrCat("SELECT w.object FROM ", JoinSpans(spans),
                " ORDER BY w.object FOR NO KEY UPDATE OF w");
}

std::string CursorTables::FindSql(absl::Span<const BatchSpan> spans,
                                  absl::Span<const SettledRange> witnesses) const {
  return StrCat("SELECT s.span FROM ", JoinSpans(spans), " AND w.writer = s.writer WHERE ",
                IsRecorded(witnesses));
}

std::string CursorTables::RangesSql(uint64_t object) const {
  return StrCat("SELECT first_row, end_row FROM ", delivered_, " WHERE object = ", object);
}

std::string CursorTables::TakeRangesSql(uint64_t object) const {
  return StrCat("DELETE FROM ", delivered_, " WHERE object = ", object,
                " RETURNING first_row, end_row");
}

std::string CursorTables::PutRangesSql(
    uint64_t object, const std::vector<std::pair<uint64_t, uint64_t>>& ranges) const {
  std::string sql =
      StrCat("INSERT INTO ", delivered_, " AS d (object, first_row, end_row) VALUES ");
  for (size_t i = 0; i < ranges.size(); ++i) {
    StrAppend(&sql, i == 0 ? "(" : ", (", object, ", ", ranges[i].first, ", ", ranges[i].second,
              ")");
  }
  return StrCat(sql, " ", kExtend);
}

}  // namespace millrace::postgres
