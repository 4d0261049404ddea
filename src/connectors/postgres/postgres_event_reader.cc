#include "connectors/postgres/postgres_event_reader.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/postgres/copy_text.h"
#include "connectors/postgres/write_errors.h"
#include "postgres_client/sql_text.h"
#include "records/row_identifier.h"

namespace millrace::postgres {
namespace {

constexpr int64_t kSecondsPerDay = 86'400;
constexpr size_t kMaxNames = 1000;  // in one statement

// Columns without a zone hold UTC. Row-level security is an error, because hidden rows would look
// missing. A lock is awaited for 30 s, unless the server, role or DEST has another limit. Nothing
// of it outlives the transaction, so that poolers work.
constexpr char kBeginReading[] =
    "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL TIME ZONE 'UTC'; "
    "SET LOCAL row_security = off; SELECT set_config('lock_timeout', '30s', true) "
    "WHERE current_setting('lock_timeout') = '0'; ";

// What to select, and which rows have a time in the days.
struct Selection {
  std::string columns;
  std::string event;
  std::string from;
  std::string in_days;
};

// Milliseconds are cut off first: before PostgreSQL 14 extract() returns a double.
Selection SelectColumns(const std::string& table, const EventQuery& query) {
  return {.columns =
              "(extract(epoch FROM date_trunc('milliseconds', event_time)) * 1000)::bigint, "
              "event, insert_id, distinct_id",
          .event = "event",
          .from = table,
          .in_days = StrCat("event_time >= to_timestamp(", query.first_day * kSecondsPerDay,
                            ") AND event_time < to_timestamp(",
                            (query.last_day + 1) * kSecondsPerDay, ")")};
}

// The records of a table, whose column may be json or text.
std::string Records(const std::string& table) {
  return StrCat("(SELECT record::jsonb AS record FROM ", table, ") AS e");
}

// The text of these times sorts like the times.
Selection SelectFlat(const std::string& table, const EventQuery& query) {
  const auto text = [](int64_t day) {
    const absl::Time midnight = absl::FromUnixSeconds(day * kSecondsPerDay);
    return QuoteText(absl::FormatTime("%E4Y-%m-%d", midnight, absl::UTCTimeZone()));
  };
  return {.columns =
              "record->>'event_time', record->>'event', record->>'insert_id', "
              "record->>'distinct_id'",
          .event = "record->>'event'",
          .from = Records(table),
          .in_days = StrCat("left(record->>'event_time', 10) COLLATE \"C\" BETWEEN ",
                            text(query.first_day), " AND ", text(query.last_day))};
}

// Times by magnitude, as records have them (records/record_time.h). CASE keeps what is no number
// from the cast.
Selection SelectRaw(const std::string& table, const EventQuery& query) {
  return {
      .columns =
          "m.millis, e.record->>'event', r.p->>'$insert_id', "
          "coalesce(r.p->>'distinct_id', r.p->>'$distinct_id')",
      .event = "e.record->>'event'",
      .from = StrCat(Records(table),
                     " CROSS JOIN LATERAL (SELECT e.record->'properties' AS p) AS r "
                     "CROSS JOIN LATERAL (SELECT CASE WHEN jsonb_typeof(r.p->'time') = 'number' "
                     "THEN (r.p->>'time')::numeric END AS t) AS n "
                     "CROSS JOIN LATERAL (SELECT floor(CASE WHEN abs(n.t) < 1e11 THEN n.t * 1000 "
                     "WHEN abs(n.t) < 1e14 THEN n.t WHEN abs(n.t) < 1e17 THEN n.t / 1000 "
                     "ELSE n.t / 1000000 END) AS millis) AS m"),
      .in_days = StrCat("m.millis >= ", query.first_day * kSecondsPerDay * 1000, " AND m.millis < ",
                        (query.last_day + 1) * kSecondsPerDay * 1000)};
}

Selection Select(const TableName& table, Form form, const EventQuery& query) {
  switch (form) {
    case Form::kTable:
      return SelectColumns(table.Quoted(), query);
    case Form::kFlat:
      return SelectFlat(table.Quoted(), query);
    case Form::kRaw:
      return SelectRaw(table.Quoted(), query);
  }
  return {};
}

// Names with a NUL are in no table, and no event of ours has an empty one.
std::string HasName(const std::string& event, const EventQuery& query) {
  if (query.all_names || query.names.size() > kMaxNames) return StrCat(event, " <> ''");
  std::vector<std::string> sorted(query.names.begin(), query.names.end());
  std::sort(sorted.begin(), sorted.end());
  std::string list;
  for (const std::string& name : sorted) {
    if (name.find('\0') != std::string::npos) continue;
    StrAppend(&list, list.empty() ? "" : ", ", QuoteText(name));
  }
  return list.empty() ? "false" : StrCat(event, " IN (", list, ")");
}

// A column of an identity whose type changes values: uuid writes them in lower case, and a time of
// less than six digits is rounded, maybe to the next millisecond.
std::string ChangingColumnSql(const TableName& table) {
  return StrCat(
      "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = "
      "to_regclass(",
      QuoteText(table.Quoted()),
      ") AND ((attname IN ('event', 'distinct_id', 'insert_id') AND atttypid = 'uuid'::regtype) OR "
      "(attname = 'event_time' AND atttypmod BETWEEN 0 AND 5)) ORDER BY attnum LIMIT 1");
}

std::optional<int64_t> ParseMillis(std::string_view text, Form form) {
  if (form == Form::kFlat) {
    absl::Time time;
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, ToAbsl(text), &time, &error)) return std::nullopt;
    return absl::ToUnixMillis(time);
  }
  int64_t millis = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, millis);
  if (error != std::errc() || stop != end) return std::nullopt;
  return millis;
}

class PostgresEventReader final : public EventReader {
 public:
  PostgresEventReader(Address address, TableName table, Form form)
      : connection_(std::move(address)), table_(std::move(table)), form_(form) {}

  Identify NewIdentify() const override {
    return [rows = std::make_shared<RowIdentifier>()](std::string_view record,
                                                      EventIdentity& identity) {
      return rows->Identify(record, identity);
    };
  }

  absl::Status Read(const EventQuery& query, const OnEvent& on_event,
                    std::stop_token stop) override {
    const absl::Status read = connection_.CopyOut(
        StrCat(kBeginReading, ReadEventsSql(table_, form_, query)),
        [&](std::string_view row) {
          ReadRow(row);
          return on_event(event_);
        },
        std::move(stop));
    connection_.Rollback();
    return ExplainRead(read, connection_.error(), table_);
  }

  absl::Status CheckKeepsIdentities(std::stop_token stop) override {
    if (form_ != Form::kTable) return absl::OkStatus();
    const absl::StatusOr<Rows> rows = connection_.Query(ChangingColumnSql(table_), std::move(stop));
    if (!rows.ok()) return ExplainRead(rows.status(), connection_.error(), table_);
    if (rows->size() == 0) return absl::OkStatus();
    const std::string column(rows->Text(0, 0));
    return absl::FailedPreconditionError(
        StrCat("the column ", column, " of ", table_.Text(), " has the type ", rows->Text(0, 1),
               ", which changes values, so rows could be written again and again: ALTER TABLE ",
               table_.Quoted(), " ALTER COLUMN ", QuoteName(column), " TYPE ",
               column == "event_time" ? "timestamptz" : "text"));
  }

  bool keeps_repeats() const override { return true; }
  int64_t LastDay() const override { return INT64_MAX; }
  absl::Duration max_delay() const override { return absl::ZeroDuration(); }

 private:
  void ReadRow(std::string_view row) {
    std::string_view rest = row;
    for (std::string* column : {&time_, &name_, &insert_id_, &distinct_id_}) {
      TakeCopyColumn(rest, *column);
    }
    const std::optional<int64_t> millis = ParseMillis(time_, form_);
    if (!millis) {
      event_.event.clear();
      event_.key = row;
      return;
    }
    event_.Set(name_, distinct_id_, *millis, insert_id_);
  }

  Connection connection_;
  const TableName table_;
  const Form form_;
  std::string time_, name_, insert_id_, distinct_id_;  // of the row
  EventIdentity event_;
};

}  // namespace

std::string ReadEventsSql(const TableName& table, Form form, const EventQuery& query) {
  const Selection selection = Select(table, form, query);
  return StrCat("COPY (SELECT ", selection.columns, " FROM ", selection.from, " WHERE ",
                selection.in_days, " AND ", HasName(selection.event, query), ") TO STDOUT");
}

std::unique_ptr<EventReader> NewPostgresEventReader(Address address, TableName table, Form form) {
  return std::make_unique<PostgresEventReader>(std::move(address), std::move(table), form);
}

}  // namespace millrace::postgres
