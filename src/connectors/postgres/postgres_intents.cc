#include "connectors/postgres/postgres_intents.h"

#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "pipeline/intent_text.h"
#include "pipeline/shared_ledger.h"

namespace millrace {
namespace {

using postgres::Rows;
using Parameters = std::vector<std::string>;

// In statements about spans, $1 is the id of the intent, $2 the destination, and $3 to $5 are
// arrays with the rest of the spans' keys. They return the lease and the revision of the intent,
// and for each row that they changed the number of its span, from 1, and the new revision.

// No row that it locks has changed since the statement began: its revision would be another one.
// The server flushes this commit even if it defers that of others.
constexpr char kAnnounce[] = R"(
WITH locked AS (
  SELECT s.object, s.version, s.config, s.n FROM millrace_objects AS o
  JOIN unnest($3::text[], $4::text[], $5::text[], $6::bigint[]) WITH ORDINALITY
    AS s(object, version, config, revision, n)
    ON (o.object, o.version, o.config, o.destination) = (s.object, s.version, s.config, $2)
  WHERE o.revision = s.revision AND o.owner = $7 AND o.intent = ''
  ORDER BY s.object, s.version, s.config FOR UPDATE OF o
), announced AS (
  INSERT INTO millrace_intents
    (id, destination, owner, lease_until, revision, content, last_write)
  SELECT $1, $2, $7, now() + $8::bigint * interval '1 microsecond', 1, $9, $10
  WHERE (SELECT count(*) FROM locked) = cardinality($3::text[])
  ON CONFLICT DO NOTHING RETURNING lease_until, revision
), changed AS (
  UPDATE millrace_objects AS o
  SET intent = $1, updated = now(), revision = o.revision + 1, last_write = $10
  FROM announced, locked AS s
  WHERE (o.object, o.version, o.config, o.destination) = (s.object, s.version, s.config, $2)
  RETURNING s.n, o.revision
)
SELECT (extract(epoch FROM a.lease_until) * 1000000)::bigint, a.revision, c.n, c.revision,
  CASE WHEN current_setting('synchronous_commit') = 'off'
    THEN set_config('synchronous_commit', 'local', true) END
FROM announced AS a CROSS JOIN changed AS c
)";
constexpr char kSettle[] = R"(
WITH ended AS (
  DELETE FROM millrace_intents WHERE id = $1 AND owner = $6 AND revision = $7::bigint RETURNING id
), changed AS (
  UPDATE millrace_objects AS o
  SET intent = '', updated = now(), revision = o.revision + 1, last_write = $8, state = s.state,
    owner = CASE WHEN s.state = 'done' THEN '' ELSE o.owner END,
    lease_until = CASE WHEN s.state = 'done' THEN now()
      WHEN o.owner = $6 THEN now() + $9::bigint * interval '1 microsecond'
      ELSE o.lease_until END,
    position_row = s.position_row, position_byte = s.position_byte, rows_read = s.read,
    rows_accepted = s.accepted, rows_rejected = s.rejected, rows_filtered = s.filtered,
    events_accepted = s.events, last_error = s.error
  FROM ended,
    unnest($3::text[], $4::text[], $5::text[], $10::text[], $11::bigint[], $12::bigint[],
      $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[], $18::text[])
    WITH ORDINALITY AS s(object, version, config, state, position_row, position_byte, read,
      accepted, rejected, filtered, events, error, n)
  WHERE (o.object, o.version, o.config, o.destination) = (s.object, s.version, s.config, $2)
    AND o.intent = ended.id
  RETURNING s.n, o.revision
)
SELECT 0, 0, c.n, c.revision FROM ended LEFT JOIN changed AS c ON true
)";
constexpr char kWithdraw[] = R"(
WITH ended AS (
  DELETE FROM millrace_intents WHERE id = $1 AND owner = $6 AND revision = $7::bigint RETURNING id
), changed AS (
  UPDATE millrace_objects AS o
  SET intent = '', updated = now(), revision = o.revision + 1, last_write = $8
  FROM ended, unnest($3::text[], $4::text[], $5::text[]) WITH ORDINALITY
    AS s(object, version, config, n)
  WHERE (o.object, o.version, o.config, o.destination) = (s.object, s.version, s.config, $2)
    AND o.intent = ended.id
  RETURNING s.n, o.revision
)
SELECT 0, 0, c.n, c.revision FROM ended LEFT JOIN changed AS c ON true
)";
constexpr char kTake[] = R"(
WITH taken AS (
  UPDATE millrace_intents
  SET owner = $6, lease_until = now() + $7::bigint * interval '1 microsecond',
    revision = revision + 1, last_write = ''
  WHERE id = $1 AND (owner = $6 OR lease_until <= now() OR $8::boolean)
  RETURNING id, lease_until, revision
), changed AS (
  UPDATE millrace_objects AS o
  SET owner = '', lease_until = now(), updated = now(), revision = o.revision + 1, last_write = ''
  FROM taken, unnest($3::text[], $4::text[], $5::text[]) WITH ORDINALITY
    AS s(object, version, config, n)
  WHERE (o.object, o.version, o.config, o.destination) = (s.object, s.version, s.config, $2)
    AND o.intent = taken.id
  RETURNING s.n, o.revision
)
SELECT (extract(epoch FROM t.lease_until) * 1000000)::bigint, t.revision, c.n, c.revision
FROM taken AS t LEFT JOIN changed AS c ON true
)";

// What the change $6 stored, if its response was lost.
constexpr char kFindAnnounced[] = R"(
SELECT (extract(epoch FROM i.lease_until) * 1000000)::bigint, i.revision, s.n, o.revision
FROM millrace_intents AS i
JOIN millrace_objects AS o ON o.intent = i.id
JOIN unnest($3::text[], $4::text[], $5::text[]) WITH ORDINALITY AS s(object, version, config, n)
  ON (o.object, o.version, o.config, o.destination) = (s.object, s.version, s.config, $2)
WHERE i.id = $1 AND i.last_write = $6
)";
constexpr char kFindEnded[] = R"(
SELECT 0, 0, s.n, o.revision FROM millrace_objects AS o
JOIN unnest($3::text[], $4::text[], $5::text[]) WITH ORDINALITY AS s(object, version, config, n)
  ON (o.object, o.version, o.config, o.destination) = (s.object, s.version, s.config, $2)
WHERE o.last_write = $6 AND NOT EXISTS (SELECT 1 FROM millrace_intents WHERE id = $1)
)";

constexpr char kRenew[] = R"(
UPDATE millrace_intents
SET lease_until = now() + $4::bigint * interval '1 microsecond', revision = revision + 1,
  last_write = $5
WHERE id = $1 AND owner = $2 AND revision = $3::bigint
RETURNING (extract(epoch FROM lease_until) * 1000000)::bigint, revision
)";
constexpr char kFindRenewed[] = R"(
SELECT (extract(epoch FROM lease_until) * 1000000)::bigint, revision FROM millrace_intents
WHERE id = $1 AND last_write = $2
)";
constexpr char kFind[] = R"(
SELECT id, destination, owner, (extract(epoch FROM lease_until) * 1000000)::bigint, revision,
  content
FROM millrace_intents WHERE id = $1
)";
constexpr char kList[] = R"(
SELECT id, destination, owner, (extract(epoch FROM lease_until) * 1000000)::bigint, revision,
  content
FROM millrace_intents WHERE destination = $1 ORDER BY id
)";

// An array of PostgreSQL, as text: {"a","b\"c"}.
class Array {
 public:
  void Add(std::string_view element) {
    text_ += text_.size() > 1 ? ",\"" : "\"";
    for (const char c : element) {
      if (c == '"' || c == '\\') text_ += '\\';
      text_ += c;
    }
    text_ += '"';
  }
  void Add(uint64_t number) { Add(StrCat(number)); }
  std::string text() const { return text_ + "}"; }

 private:
  std::string text_ = "{";
};

template <typename Get>
std::string ArrayOf(const Intent& intent, Get get) {
  Array array;
  for (const IntentSpan& span : intent.spans) array.Add(get(span));
  return array.text();
}

Parameters SpanParameters(const Intent& intent) {
  return {intent.id, intent.destination,
          ArrayOf(intent, [](const IntentSpan& span) { return span.object.object; }),
          ArrayOf(intent, [](const IntentSpan& span) { return span.object.version; }),
          ArrayOf(intent, [](const IntentSpan& span) { return span.object.config; })};
}

Parameters operator+(Parameters a, const Parameters& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::string Micros(absl::Duration duration) { return StrCat(absl::ToInt64Microseconds(duration)); }

absl::Time TimeAt(const Rows& rows, size_t row, int column) {
  return absl::FromUnixMicros(static_cast<int64_t>(rows.Number(row, column)));
}

void ReadLease(const Rows& rows, Intent& intent) {
  intent.lease_until = TimeAt(rows, 0, 0);
  intent.revision = rows.Number(0, 1);
}

void ReadRevisions(const Rows& rows, Intent& intent) {
  for (IntentSpan& span : intent.spans) span.revision = 0;
  for (size_t row = 0; row < rows.size(); ++row) {
    const uint64_t span = rows.Number(row, 2);  // 0: no row was changed
    if (span > 0 && span <= intent.spans.size()) {
      intent.spans[span - 1].revision = rows.Number(row, 3);
    }
  }
}

absl::StatusOr<Intent> ReadIntent(const Rows& rows, size_t row) {
  Intent intent{.id = std::string(rows.Text(row, 0)),
                .destination = std::string(rows.Text(row, 1)),
                .owner = std::string(rows.Text(row, 2)),
                .lease_until = TimeAt(rows, row, 3),
                .revision = rows.Number(row, 4)};
  RETURN_IF_ERROR(ParseIntentText(rows.Text(row, 5), intent));
  return intent;
}

}  // namespace

absl::StatusOr<Rows> PostgresIntents::Change(const char* change, const Parameters& parameters,
                                             const char* find, const Parameters& find_parameters,
                                             const Intent& intent, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(Rows rows, execute_(change, parameters, stop));
  if (rows.size() > 0) return rows;
  ASSIGN_OR_RETURN(rows, execute_(find, find_parameters, stop));
  if (rows.size() == 0) return TakenOver(intent);
  return rows;
}

absl::Status PostgresIntents::Announce(Intent& intent, absl::Duration lease, std::stop_token stop) {
  RETURN_IF_ERROR(CheckIntent(intent));
  for (const IntentSpan& span : intent.spans) {
    RETURN_IF_ERROR(CheckIsUtf8(span.object, "PostgreSQL"));
  }
  intent.revision = 0;
  const std::string change_id = ChangeId("announce", intent);
  const Parameters spans = SpanParameters(intent);
  const Parameters rest = {ArrayOf(intent, [](const IntentSpan& span) { return span.revision; }),
                           intent.owner, Micros(lease), IntentText(intent), change_id};
  ASSIGN_OR_RETURN(const Rows rows, Change(kAnnounce, spans + rest, kFindAnnounced,
                                           spans + Parameters{change_id}, intent, stop));
  ReadLease(rows, intent);
  ReadRevisions(rows, intent);
  return absl::OkStatus();
}

absl::Status PostgresIntents::Renew(Intent& intent, absl::Duration lease, std::stop_token stop) {
  const std::string change_id = ChangeId("renew", intent);
  ASSIGN_OR_RETURN(
      const Rows rows,
      Change(kRenew, {intent.id, intent.owner, StrCat(intent.revision), Micros(lease), change_id},
             kFindRenewed, {intent.id, change_id}, intent, stop));
  ReadLease(rows, intent);
  return absl::OkStatus();
}

absl::Status PostgresIntents::Settle(Intent& intent, absl::Duration lease, std::stop_token stop) {
  const std::string change_id = ChangeId("settle", intent);
  const Parameters spans = SpanParameters(intent);
  const auto numbers = [&](auto get) { return ArrayOf(intent, get); };
  const Parameters rest = {
      intent.owner,
      StrCat(intent.revision),
      change_id,
      Micros(lease),
      ArrayOf(intent,
              [](const IntentSpan& span) -> std::string_view {
                return span.state == LedgerState::kDone ? "done" : "open";
              }),
      numbers([](const IntentSpan& span) { return span.after.row; }),
      numbers([](const IntentSpan& span) { return span.after.byte; }),
      numbers([](const IntentSpan& span) { return span.counts.read; }),
      numbers([](const IntentSpan& span) { return span.counts.accepted; }),
      numbers([](const IntentSpan& span) { return span.counts.rejected; }),
      numbers([](const IntentSpan& span) { return span.counts.filtered; }),
      numbers([](const IntentSpan& span) { return span.counts.events; }),
      ArrayOf(intent, [](const IntentSpan& span) { return ToValidUtf8(span.last_error); })};
  ASSIGN_OR_RETURN(const Rows rows, Change(kSettle, spans + rest, kFindEnded,
                                           spans + Parameters{change_id}, intent, stop));
  ReadRevisions(rows, intent);
  ++intent.revision;  // a second call is another change
  return absl::OkStatus();
}

absl::Status PostgresIntents::Withdraw(Intent& intent, std::stop_token stop) {
  const std::string change_id = ChangeId("withdraw", intent);
  const Parameters spans = SpanParameters(intent);
  const Parameters rest = {intent.owner, StrCat(intent.revision), change_id};
  ASSIGN_OR_RETURN(const Rows rows, Change(kWithdraw, spans + rest, kFindEnded,
                                           spans + Parameters{change_id}, intent, stop));
  ReadRevisions(rows, intent);
  ++intent.revision;  // a second call is another change
  return absl::OkStatus();
}

// Taking twice has the same effect as once, so a lost response is harmless.
absl::StatusOr<std::optional<Intent>> PostgresIntents::Take(const std::string& id,
                                                            const std::string& owner,
                                                            bool owner_is_dead,
                                                            absl::Duration lease,
                                                            std::stop_token stop) {
  ASSIGN_OR_RETURN(const Rows found, execute_(kFind, {id}, stop));
  if (found.size() == 0) return std::nullopt;
  ASSIGN_OR_RETURN(Intent intent, ReadIntent(found, 0));  // its spans never change
  const Parameters rest = {owner, Micros(lease), owner_is_dead ? "true" : "false"};
  ASSIGN_OR_RETURN(const Rows rows, execute_(kTake, SpanParameters(intent) + rest, stop));
  if (rows.size() == 0) return std::nullopt;
  intent.owner = owner;
  ReadLease(rows, intent);
  ReadRevisions(rows, intent);
  return intent;
}

absl::StatusOr<std::vector<Intent>> PostgresIntents::List(const std::string& destination,
                                                          std::stop_token stop) {
  ASSIGN_OR_RETURN(const Rows rows, execute_(kList, {destination}, stop));
  std::vector<Intent> listed;
  for (size_t row = 0; row < rows.size(); ++row) {
    ASSIGN_OR_RETURN(listed.emplace_back(), ReadIntent(rows, row));
  }
  return listed;
}

}  // namespace millrace
