#include "connectors/postgres/postgres_ledger.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/pool.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "connectors/postgres/postgres_intents.h"
#include "pipeline/shared_ledger.h"
#include "postgres_client/connection.h"

namespace millrace {
namespace {

using postgres::Address;
using postgres::Connection;
using postgres::Rows;

constexpr uint64_t kSchemaVersion = 4;
constexpr size_t kMaxConnections = 3;
constexpr size_t kPage = 1000;

#define MR_CREATE_INTENTS                         \
  "CREATE TABLE IF NOT EXISTS millrace_intents (" \
  "  id text COLLATE \"C\" PRIMARY KEY,"          \
  "  destination text COLLATE \"C\" NOT NULL,"    \
  "  owner text NOT NULL,"                        \
  "  lease_until timestamptz NOT NULL,"           \
  "  revision bigint NOT NULL,"                   \
  "  content text NOT NULL,"                      \
  "  last_write text NOT NULL"                    \
  ");\n"
// One transaction. The lock makes sure that only one worker creates the tables; its number is
// "millrace" in ASCII.
constexpr char kSchema[] =
    R"(
SELECT pg_advisory_xact_lock(7883949219085214565);
CREATE TABLE IF NOT EXISTS millrace_objects (
  object text COLLATE "C" NOT NULL,
  version text COLLATE "C" NOT NULL,
  config text COLLATE "C" NOT NULL,
  destination text COLLATE "C" NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'done')),
  position_row bigint NOT NULL DEFAULT 0,
  position_byte bigint NOT NULL DEFAULT 0,
  rows_read bigint NOT NULL DEFAULT 0,
  rows_accepted bigint NOT NULL DEFAULT 0,
  rows_rejected bigint NOT NULL DEFAULT 0,
  rows_filtered bigint NOT NULL DEFAULT 0,
  events_accepted bigint NOT NULL DEFAULT 0,
  owner text NOT NULL,
  lease_until timestamptz NOT NULL,
  started timestamptz NOT NULL,
  updated timestamptz NOT NULL,
  last_error text NOT NULL DEFAULT '',
  object_bytes bigint NOT NULL,
  revision bigint NOT NULL DEFAULT 1,
  last_write text NOT NULL DEFAULT '',
  mapping_version bigint NOT NULL DEFAULT 1,
  config_parts text NOT NULL DEFAULT '',
  maybe_sent boolean NOT NULL DEFAULT false,
  intent text COLLATE "C" NOT NULL DEFAULT '',
  PRIMARY KEY (object, version, config, destination)
);
)" MR_CREATE_INTENTS
    R"(CREATE TABLE IF NOT EXISTS millrace_schema_version (version integer NOT NULL);
INSERT INTO millrace_schema_version
  SELECT 4 WHERE NOT EXISTS (SELECT 1 FROM millrace_schema_version);
)";
// From any older version.
constexpr char kUpgrade[] = R"(
SELECT pg_advisory_xact_lock(7883949219085214565);
ALTER TABLE millrace_objects
  ADD COLUMN IF NOT EXISTS mapping_version bigint NOT NULL DEFAULT 1,
  ADD COLUMN IF NOT EXISTS config_parts text NOT NULL DEFAULT '',
  ADD COLUMN IF NOT EXISTS maybe_sent boolean NOT NULL DEFAULT false,
  ADD COLUMN IF NOT EXISTS intent text COLLATE "C" NOT NULL DEFAULT '';
)" MR_CREATE_INTENTS R"(UPDATE millrace_schema_version SET version = 4 WHERE version < 4;
)";
constexpr char kHasSchema[] = "SELECT to_regclass('millrace_schema_version') IS NOT NULL";
constexpr char kVersion[] = "SELECT max(version) FROM millrace_schema_version";

#define MR_MICROS(time) "(extract(epoch FROM " time ") * 1000000)::bigint"
#define MR_COLUMNS \
  "object, version, config, destination, state, position_row, position_byte, rows_read, " \
  "rows_accepted, rows_rejected, rows_filtered, events_accepted, owner, "                 \
  MR_MICROS("lease_until") ", " MR_MICROS("started") ", " MR_MICROS("updated")            \
  ", last_error, object_bytes, revision, mapping_version, config_parts, maybe_sent, intent, "       \
  "last_write"
#define MR_KEY "object = $1 AND version = $2 AND config = $3 AND destination = $4"
// The condition for a row of another config that prevents this claim: MayHaveSent().
#define MR_RIVAL                                                            \
  "object = $1 AND version = $2 AND config <> $3 AND destination = $4 AND " \
  "(state = 'done' OR position_row > 0 OR owner <> '' OR maybe_sent OR intent <> '')"
#define MR_LEASE "now() + $5::bigint * interval '1 microsecond'"

// Returns the row after the claim and whether it was claimed; no row if a rival prevents it or the
// row was created meanwhile. A row that is done is only read, so that a second run writes nothing.
constexpr char kClaim[] =
    "WITH own AS (SELECT state, position_row FROM millrace_objects WHERE " MR_KEY
    "), claimed AS (INSERT INTO millrace_objects AS old (object, version, config, destination, "
    "state, owner, lease_until, started, updated, object_bytes, mapping_version, config_parts) "
    "SELECT $1, $2, $3, $4, 'open', $6, " MR_LEASE
    ", now(), now(), $7::bigint, $8::bigint, $9 "
    "WHERE NOT EXISTS (SELECT 1 FROM own WHERE state = 'done') "
    "AND (EXISTS (SELECT 1 FROM own WHERE position_row > 0) "
    "OR NOT EXISTS (SELECT 1 FROM millrace_objects WHERE " MR_RIVAL
    ")) "
    "ON CONFLICT (object, version, config, destination) DO UPDATE SET "
    "maybe_sent = old.maybe_sent OR old.owner NOT IN ('', excluded.owner), owner = excluded.owner, "
    "lease_until = excluded.lease_until, updated = excluded.updated, "
    "object_bytes = excluded.object_bytes, mapping_version = CASE WHEN old.position_row = 0 "
    "THEN excluded.mapping_version ELSE old.mapping_version END, "
    "config_parts = excluded.config_parts, revision = old.revision + 1, last_write = '' "
    "WHERE old.state = 'open' AND old.intent = '' AND (old.owner = '' OR old.owner = "
    "excluded.owner "
    "OR old.lease_until <= now()) RETURNING *) "
    "SELECT " MR_COLUMNS
    ", true FROM claimed UNION ALL "
    "SELECT " MR_COLUMNS ", false FROM millrace_objects WHERE " MR_KEY
    " AND NOT EXISTS (SELECT 1 FROM claimed)";
constexpr char kFindRival[] =
    "SELECT " MR_COLUMNS ", " MR_MICROS("now()") " FROM millrace_objects WHERE " MR_RIVAL
                                                 " LIMIT 1";
// A row with the owner and lease of the intent that covers it. Only this and the intents' own
// statements use their table, so that roles without rights on it can work without intents.
constexpr char kFindCovered[] =
    "SELECT " MR_COLUMNS ", " MR_MICROS("now()")
    ", (SELECT i.owner FROM millrace_intents AS i WHERE i.id = intent), "
    "(SELECT " MR_MICROS("i.lease_until") " FROM millrace_intents AS i WHERE i.id = intent) "
    "FROM millrace_objects WHERE " MR_KEY " AND intent <> ''";
constexpr char kUnclaim[] = "DELETE FROM millrace_objects WHERE " MR_KEY
                            " AND owner = $5 AND revision = $6::bigint AND position_row = 0 "
                            "AND NOT maybe_sent";
constexpr char kFind[] = "SELECT " MR_COLUMNS " FROM millrace_objects WHERE " MR_KEY;
constexpr char kStore[] =
    "UPDATE millrace_objects SET state = $8, position_row = $9::bigint, "
    "position_byte = $10::bigint, rows_read = $11::bigint, rows_accepted = $12::bigint, "
    "rows_rejected = $13::bigint, rows_filtered = $14::bigint, events_accepted = $15::bigint, "
    "last_error = $16, owner = CASE WHEN $8 = 'done' THEN '' ELSE owner END, "
    "lease_until = CASE WHEN $8 = 'done' THEN now() ELSE " MR_LEASE
    " END, updated = now(), revision = revision + 1, last_write = $17, maybe_sent = $18::boolean "
    "WHERE " MR_KEY
    " AND owner = $6 AND revision = $7::bigint AND (intent = '' OR (state = $8 "
    "AND position_row = $9::bigint AND position_byte = $10::bigint)) RETURNING " MR_COLUMNS;
constexpr char kRelease[] =
    "UPDATE millrace_objects SET owner = '', lease_until = now(), updated = now(), "
    "revision = revision + 1, last_write = $7 "
    "WHERE " MR_KEY " AND owner = $5 AND revision = $6::bigint RETURNING " MR_COLUMNS;
constexpr char kForget[] =
    "DELETE FROM millrace_objects WHERE object = $1 AND version = $2 AND destination = $3 "
    "RETURNING config";
constexpr char kFirstPage[] =
    "SELECT " MR_COLUMNS
    " FROM millrace_objects ORDER BY object, version, config, destination LIMIT $1::bigint";
constexpr char kNextPage[] =
    "SELECT " MR_COLUMNS
    " FROM millrace_objects WHERE (object, version, config, destination) > ($1, $2, $3, $4) "
    "ORDER BY object, version, config, destination LIMIT $5::bigint";

#undef MR_LEASE
#undef MR_RIVAL
#undef MR_KEY
#undef MR_COLUMNS
#undef MR_MICROS
#undef MR_CREATE_INTENTS

constexpr int kMaybeSent = 21;  // columns of MR_COLUMNS
constexpr int kIntent = 22;
constexpr int kLastWrite = 23;
constexpr int kClaimed = 24;
constexpr int kNow = 24;
constexpr int kIntentOwner = 25;
constexpr int kIntentLease = 26;

using Parameters = std::vector<std::string>;

Parameters KeyParameters(const LedgerKey& key) {
  return {key.object, key.version, key.config, key.destination};
}

absl::Time TimeAt(const Rows& rows, int column) {
  return absl::FromUnixMicros(static_cast<int64_t>(rows.Number(0, column)));
}

LedgerEntry ReadEntry(const Rows& rows, size_t row) {
  int column = 0;
  const auto text = [&] { return std::string(rows.Text(row, column++)); };
  const auto number = [&] { return rows.Number(row, column++); };
  const auto time = [&] { return absl::FromUnixMicros(static_cast<int64_t>(number())); };
  LedgerEntry entry;
  entry.key = {text(), text(), text(), text()};
  entry.state = text() == "done" ? LedgerState::kDone : LedgerState::kOpen;
  entry.position = {number(), number()};
  entry.counts = {number(), number(), number(), number(), number()};
  entry.owner = text();
  entry.lease_until = time();
  entry.started = time();
  entry.updated = time();
  entry.last_error = text();
  entry.object_bytes = number();
  entry.revision = number();
  entry.mapping_version = number();
  entry.config_parts = text();
  entry.maybe_sent = rows.True(row, kMaybeSent);
  entry.intent = std::string(rows.Text(row, kIntent));
  return entry;
}

class PostgresLedger : public Ledger {
 public:
  explicit PostgresLedger(const Address& address)
      : name_(address.name()),
        connections_(kMaxConnections, [address] { return std::make_unique<Connection>(address); }),
        intents_([this](const char* sql, const Parameters& parameters,
                        const std::stop_token& stop) { return Execute(sql, parameters, stop); }) {}

  // Creates nothing. False: there is no ledger.
  absl::StatusOr<bool> PrepareToRead(const std::stop_token& stop) {
    ASSIGN_OR_RETURN(const Rows has, Execute(kHasSchema, {}, stop));
    if (!has.True(0, 0)) return false;
    ASSIGN_OR_RETURN(const Rows version, Execute(kVersion, {}, stop));
    if (version.Number(0, 0) >= kSchemaVersion) {
      RETURN_IF_ERROR(CheckIsKnown(version.Number(0, 0)));
      return true;
    }
    return absl::FailedPreconditionError(
        StrCat("the ledger ", name_, " was written by an older Millrace: the next import or watch ",
               "adds the tables and columns that it lacks"));
  }

  absl::Status Prepare(const std::stop_token& stop) {
    ASSIGN_OR_RETURN(const Rows has, Execute(kHasSchema, {}, stop));
    if (!has.True(0, 0)) {
      RETURN_IF_ERROR(Annotate(Define(kSchema, stop),
                               "making the ledger's tables (a role that may do so can make them: "
                               "see docs/connectors/postgres.md)"));
    }
    ASSIGN_OR_RETURN(Rows version, Execute(kVersion, {}, stop));
    if (version.Number(0, 0) < kSchemaVersion) {
      RETURN_IF_ERROR(Annotate(Define(kUpgrade, stop),
                               "adding to the ledger's tables (the role that owns them can do "
                               "it: see docs/connectors/postgres.md)"));
      ASSIGN_OR_RETURN(version, Execute(kVersion, {}, stop));
    }
    return CheckIsKnown(version.Number(0, 0));
  }

  absl::Status CheckIsKnown(uint64_t version) const {
    if (version == kSchemaVersion) return absl::OkStatus();
    return absl::FailedPreconditionError(
        StrCat("the ledger ", name_, " was written by a newer Millrace (its format is ", version,
               ", this one knows ", kSchemaVersion, "): use that, or another schema or database"));
  }

  absl::StatusOr<Claim> ClaimObject(const ClaimRequest& request, std::stop_token stop) override {
    RETURN_IF_ERROR(CheckIsUtf8(request.key, "PostgreSQL"));
    Parameters parameters = KeyParameters(request.key);
    const Parameters rest = {StrCat(absl::ToInt64Microseconds(request.lease)), request.owner,
                             StrCat(request.object_bytes), StrCat(request.mapping_version),
                             request.config_parts};
    parameters.insert(parameters.end(), rest.begin(), rest.end());
    for (;;) {
      // Claiming twice has the same effect as once, so a lost response is harmless.
      ASSIGN_OR_RETURN(const Rows rows, Execute(kClaim, parameters, stop));
      Claim claim;
      bool claimed = false;
      if (rows.size() > 0) {
        claim.entry = ReadEntry(rows, 0);
        claimed = rows.True(0, kClaimed);
        if (!claim.entry.intent.empty()) {
          ASSIGN_OR_RETURN(const std::optional<Claim> covered, FindCovered(request, stop));
          if (covered) return *covered;
          continue;  // the commit has ended meanwhile
        }
        if (claimed) claim.outcome = Claim::Outcome::kClaimed;
        if (claim.entry.state == LedgerState::kDone) claim.outcome = Claim::Outcome::kDone;
        if (claim.outcome == Claim::Outcome::kDone || claim.entry.position.row > 0) return claim;
      }
      ASSIGN_OR_RETURN(const std::optional<Claim> rival, FindRival(request.key, stop));
      if (rival && claimed) RETURN_IF_ERROR(Unclaim(claim.entry, stop));
      if (rival) return *rival;
      if (rows.size() > 0) return claim;
    }
  }

  absl::Status Store(LedgerEntry& entry, absl::Duration lease, std::stop_token stop) override {
    const std::string id = ChangeId("store", entry);
    Parameters parameters = KeyParameters(entry.key);
    const Counts& counts = entry.counts;
    const Parameters rest = {StrCat(absl::ToInt64Microseconds(lease)),
                             entry.owner,
                             StrCat(entry.revision),
                             entry.state == LedgerState::kDone ? "done" : "open",
                             StrCat(entry.position.row),
                             StrCat(entry.position.byte),
                             StrCat(counts.read),
                             StrCat(counts.accepted),
                             StrCat(counts.rejected),
                             StrCat(counts.filtered),
                             StrCat(counts.events),
                             ToValidUtf8(entry.last_error),
                             id,
                             entry.maybe_sent ? "true" : "false"};
    parameters.insert(parameters.end(), rest.begin(), rest.end());
    return Change(kStore, parameters, id, entry, stop);
  }

  absl::Status Release(LedgerEntry& entry, std::stop_token stop) override {
    const std::string id = ChangeId("release", entry);
    Parameters parameters = KeyParameters(entry.key);
    const Parameters rest = {entry.owner, StrCat(entry.revision), id};
    parameters.insert(parameters.end(), rest.begin(), rest.end());
    return Change(kRelease, parameters, id, entry, stop);
  }

  absl::StatusOr<std::vector<LedgerKey>> Forget(const LedgerKey& key,
                                                std::stop_token stop) override {
    RETURN_IF_ERROR(CheckIsUtf8(key, "PostgreSQL"));
    ASSIGN_OR_RETURN(const Rows rows,
                     Execute(kForget, {key.object, key.version, key.destination}, stop));
    std::vector<LedgerKey> forgotten;
    for (size_t row = 0; row < rows.size(); ++row) {
      forgotten.push_back(
          {key.object, key.version, std::string(rows.Text(row, 0)), key.destination});
    }
    return forgotten;
  }

  absl::Status ForEach(const std::function<absl::Status(const LedgerEntry&)>& visit,
                       std::stop_token stop) override {
    std::optional<LedgerKey> after;
    for (;;) {
      Parameters parameters = after ? KeyParameters(*after) : Parameters();
      parameters.push_back(StrCat(kPage));
      ASSIGN_OR_RETURN(const Rows page, Execute(after ? kNextPage : kFirstPage, parameters, stop));
      for (size_t row = 0; row < page.size(); ++row) {
        const LedgerEntry entry = ReadEntry(page, row);
        RETURN_IF_ERROR(visit(entry));
        after = entry.key;
      }
      if (page.size() < kPage) return absl::OkStatus();
    }
  }

  Intents& intents() override { return intents_; }

 private:
  absl::Status Define(const char* statements, const std::stop_token& stop) {
    const auto connection = connections_.Borrow(stop);
    return connection ? (*connection)->ExecuteAll(statements, stop) : StopRequested();
  }

  // A connection may have been lost since its last use. That is noticed only now, and is no reason
  // to return an error.
  absl::StatusOr<Rows> Execute(const char* sql, const Parameters& parameters,
                               const std::stop_token& stop) {
    const auto connection = connections_.Borrow(stop);
    if (!connection) return StopRequested();
    absl::StatusOr<Rows> rows = (*connection)->Execute(sql, parameters, stop);
    if (absl::IsUnavailable(rows.status())) rows = (*connection)->Execute(sql, parameters, stop);
    return rows;
  }

  // If two workers claim under two configs at the same time, neither may see the other's row before
  // its own exists. So after a claim a worker looks again: the later one sees the other row and
  // releases its claim; possibly both do.
  absl::StatusOr<std::optional<Claim>> FindRival(const LedgerKey& key,
                                                 const std::stop_token& stop) {
    ASSIGN_OR_RETURN(const Rows rows, Execute(kFindRival, KeyParameters(key), stop));
    if (rows.size() == 0) return std::nullopt;
    Claim claim{.entry = ReadEntry(rows, 0)};
    claim.outcome = OutcomeForRival(claim.entry, TimeAt(rows, kNow));
    return claim;
  }

  // Nullopt if no intent covers the row.
  absl::StatusOr<std::optional<Claim>> FindCovered(const ClaimRequest& request,
                                                   const std::stop_token& stop) {
    ASSIGN_OR_RETURN(const Rows rows, Execute(kFindCovered, KeyParameters(request.key), stop));
    if (rows.size() == 0) return std::nullopt;
    return ClaimUnderIntent(ReadEntry(rows, 0), std::string(rows.Text(0, kIntentOwner)),
                            TimeAt(rows, kIntentLease), request.owner, TimeAt(rows, kNow));
  }

  absl::Status Unclaim(const LedgerEntry& entry, const std::stop_token& stop) {
    Parameters parameters = KeyParameters(entry.key);
    parameters.push_back(entry.owner);
    parameters.push_back(StrCat(entry.revision));
    return Execute(kUnclaim, parameters, stop).status();
  }

  // A compare-and-set identified by `id`. If it changes nothing, an earlier try whose response was
  // lost may have made the change.
  absl::Status Change(const char* sql, const Parameters& parameters, const std::string& id,
                      LedgerEntry& entry, const std::stop_token& stop) {
    if (entry.owner.empty()) return TakenOver(entry.key);
    ASSIGN_OR_RETURN(Rows rows, Execute(sql, parameters, stop));
    if (rows.size() == 0) {
      ASSIGN_OR_RETURN(rows, Execute(kFind, KeyParameters(entry.key), stop));
      if (rows.size() == 0) return TakenOver(entry.key);
      if (rows.Text(0, kLastWrite) != id) {
        const LedgerEntry row = ReadEntry(rows, 0);
        const bool same = row.revision == entry.revision && row.owner == entry.owner;
        if (same) RETURN_IF_ERROR(CheckStore(entry, row));
        return TakenOver(entry.key);
      }
    }
    const std::string last_error = std::move(entry.last_error);
    entry = ReadEntry(rows, 0);
    entry.last_error = last_error;
    return absl::OkStatus();
  }

  const std::string name_;
  Pool<Connection> connections_;
  PostgresIntents intents_;
};

}  // namespace

bool IsPostgresAddress(std::string_view text) { return postgres::IsAddress(text); }

absl::StatusOr<std::unique_ptr<Ledger>> OpenPostgresLedger(std::string_view uri,
                                                           std::stop_token stop) {
  ASSIGN_OR_RETURN(const Address address, Address::Parse(uri));
  auto ledger = std::make_unique<PostgresLedger>(address);
  RETURN_IF_ERROR(ledger->Prepare(stop));
  return ledger;
}

absl::StatusOr<std::unique_ptr<LedgerReader>> OpenPostgresLedgerToRead(std::string_view uri,
                                                                       std::stop_token stop) {
  ASSIGN_OR_RETURN(const Address address, Address::Parse(uri));
  auto ledger = std::make_unique<PostgresLedger>(address);
  ASSIGN_OR_RETURN(const bool is_there, ledger->PrepareToRead(stop));
  if (!is_there) return std::make_unique<EmptyLedger>();
  return ledger;
}

}  // namespace millrace
