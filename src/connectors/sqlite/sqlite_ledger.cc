#include "connectors/sqlite/sqlite_ledger.h"

#include <filesystem>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/sqlite/database.h"
#include "connectors/sqlite/sqlite_intents.h"
#include "pipeline/shared_ledger.h"

namespace millrace {
namespace {

using sqlite::Database;
using sqlite::Statement;
using sqlite::Use;

constexpr uint64_t kSchemaVersion = 4;
constexpr absl::Duration kBusy = absl::Seconds(10);
constexpr size_t kPage = 256;

#define MR_CREATE_INTENTS              \
  "CREATE TABLE intents ("             \
  "  id TEXT NOT NULL PRIMARY KEY,"    \
  "  destination TEXT NOT NULL,"       \
  "  owner TEXT NOT NULL,"             \
  "  lease_until_us INTEGER NOT NULL," \
  "  revision INTEGER NOT NULL,"       \
  "  content TEXT NOT NULL"            \
  ") STRICT;\n"
constexpr char kSchema[] = R"(
CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT;
INSERT INTO schema_version VALUES (4);
CREATE TABLE objects (
  object TEXT NOT NULL,
  version TEXT NOT NULL,
  config TEXT NOT NULL,
  destination TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'done')),
  position_row INTEGER NOT NULL DEFAULT 0,
  position_byte INTEGER NOT NULL DEFAULT 0,
  rows_read INTEGER NOT NULL DEFAULT 0,
  rows_accepted INTEGER NOT NULL DEFAULT 0,
  rows_rejected INTEGER NOT NULL DEFAULT 0,
  rows_filtered INTEGER NOT NULL DEFAULT 0,
  events_accepted INTEGER NOT NULL DEFAULT 0,
  owner TEXT NOT NULL,
  lease_until_us INTEGER NOT NULL,
  started_us INTEGER NOT NULL,
  updated_us INTEGER NOT NULL,
  last_error TEXT NOT NULL DEFAULT '',
  object_bytes INTEGER NOT NULL,
  revision INTEGER NOT NULL DEFAULT 1,
  mapping_version INTEGER NOT NULL DEFAULT 1,
  config_parts TEXT NOT NULL DEFAULT '',
  maybe_sent INTEGER NOT NULL DEFAULT 0,
  intent TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (object, version, config, destination)
) STRICT, WITHOUT ROWID;
)" MR_CREATE_INTENTS;
// From each version to the next, beginning with the first.
constexpr const char* kUpgrades[] = {
    R"(
ALTER TABLE objects ADD COLUMN mapping_version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE objects ADD COLUMN config_parts TEXT NOT NULL DEFAULT '';
UPDATE schema_version SET version = 2;
)",
    R"(
ALTER TABLE objects ADD COLUMN maybe_sent INTEGER NOT NULL DEFAULT 0;
UPDATE schema_version SET version = 3;
)",
    MR_CREATE_INTENTS R"(
ALTER TABLE objects ADD COLUMN intent TEXT NOT NULL DEFAULT '';
UPDATE schema_version SET version = 4;
)"};
static_assert(std::size(kUpgrades) == kSchemaVersion - 1);

// The columns that all versions of the schema share, and those that older rows lack.
#define MR_OLD_COLUMNS                                                                    \
  "object, version, config, destination, state, position_row, position_byte, rows_read, " \
  "rows_accepted, rows_rejected, rows_filtered, events_accepted, owner, lease_until_us, " \
  "started_us, updated_us, last_error, object_bytes, revision"
#define MR_COLUMNS MR_OLD_COLUMNS ", mapping_version, config_parts, maybe_sent, intent"
#define MR_COLUMNS_OF_1 MR_OLD_COLUMNS ", 1, '', 0, ''"
#define MR_COLUMNS_OF_2 MR_OLD_COLUMNS ", mapping_version, config_parts, 0, ''"
#define MR_COLUMNS_OF_3 MR_OLD_COLUMNS ", mapping_version, config_parts, maybe_sent, ''"
// The condition for a row of another config that prevents this claim: MayHaveSent().
#define MR_RIVAL                                                            \
  "object = ?1 AND version = ?2 AND config <> ?3 AND destination = ?4 AND " \
  "(state = 'done' OR position_row > 0 OR owner <> '' OR maybe_sent OR intent <> '')"
#define MR_KEY "object = ? AND version = ? AND config = ? AND destination = ?"

constexpr char kClaim[] =
    "INSERT INTO objects (object, version, config, destination, state, owner, lease_until_us, "
    "started_us, updated_us, object_bytes, mapping_version, config_parts) "
    "SELECT ?1, ?2, ?3, ?4, 'open', ?5, ?6, ?7, ?7, ?8, ?9, ?10 "
    "WHERE NOT EXISTS (SELECT 1 FROM objects WHERE " MR_RIVAL
    ") OR EXISTS (SELECT 1 FROM objects WHERE object = ?1 AND version = ?2 AND config = ?3 "
    "AND destination = ?4 AND (state = 'done' OR position_row > 0)) "
    "ON CONFLICT DO UPDATE SET maybe_sent = maybe_sent OR owner NOT IN ('', ?5), "
    "owner = ?5, lease_until_us = ?6, updated_us = ?7, "
    "object_bytes = ?8, mapping_version = iif(position_row = 0, ?9, mapping_version), "
    "config_parts = ?10, revision = revision + 1 "
    "WHERE state = 'open' AND intent = '' AND (owner = '' OR owner = ?5 OR lease_until_us <= ?7) "
    "RETURNING " MR_COLUMNS;
constexpr char kFindRival[] = "SELECT " MR_COLUMNS " FROM objects WHERE " MR_RIVAL " LIMIT 1";
// With the owner and lease of the intent that covers the row.
constexpr char kFind[] = "SELECT " MR_COLUMNS
                         ", (SELECT i.owner FROM intents AS i WHERE i.id = intent), "
                         "(SELECT i.lease_until_us FROM intents AS i WHERE i.id = intent) "
                         "FROM objects WHERE " MR_KEY;
constexpr char kStore[] =
    "UPDATE objects SET state = ?, position_row = ?, position_byte = ?, rows_read = ?, "
    "rows_accepted = ?, rows_rejected = ?, rows_filtered = ?, events_accepted = ?, "
    "last_error = ?, maybe_sent = ?, owner = ?, lease_until_us = ?, updated_us = ?, "
    "revision = revision + 1 "
    "WHERE " MR_KEY
    " AND revision = ? AND owner = ? AND owner <> '' "
    "AND (intent = '' OR (state = ?1 AND position_row = ?2 AND position_byte = ?3)) "
    "RETURNING intent";
constexpr char kRelease[] =
    "UPDATE objects SET owner = '', lease_until_us = ?1, updated_us = ?1, revision = revision + 1 "
    "WHERE object = ?2 AND version = ?3 AND config = ?4 AND destination = ?5 AND revision = ?6 "
    "AND owner = ?7 AND owner <> '' RETURNING intent";
constexpr char kForget[] =
    "DELETE FROM objects WHERE object = ? AND version = ? AND destination = ? RETURNING config";
#define MR_PAGE(columns, where)                           \
  "SELECT " columns " FROM objects " where                \
  " ORDER BY object, version, config, destination LIMIT " \
  "?"
#define MR_AFTER "WHERE (object, version, config, destination) > (?, ?, ?, ?)"
struct PageSql {
  const char* first;
  const char* next;
};
#define MR_PAGES(columns) \
  { MR_PAGE(columns, ""), MR_PAGE(columns, MR_AFTER) }
// By the version of the schema, beginning with the first.
constexpr PageSql kPages[] = {MR_PAGES(MR_COLUMNS_OF_1), MR_PAGES(MR_COLUMNS_OF_2),
                              MR_PAGES(MR_COLUMNS_OF_3), MR_PAGES(MR_COLUMNS)};
static_assert(std::size(kPages) == kSchemaVersion);

#undef MR_PAGES
#undef MR_AFTER
#undef MR_PAGE
#undef MR_COLUMNS_OF_3
#undef MR_COLUMNS_OF_2
#undef MR_COLUMNS_OF_1
#undef MR_COLUMNS
#undef MR_OLD_COLUMNS
#undef MR_RIVAL
#undef MR_KEY
#undef MR_CREATE_INTENTS

void BindKey(Statement& statement, const LedgerKey& key) {
  statement.Bind(key.object).Bind(key.version).Bind(key.config).Bind(key.destination);
}

LedgerEntry ReadEntry(Statement& row) {
  LedgerEntry entry;
  entry.key.object = row.NextText();
  entry.key.version = row.NextText();
  entry.key.config = row.NextText();
  entry.key.destination = row.NextText();
  entry.state = row.NextText() == "done" ? LedgerState::kDone : LedgerState::kOpen;
  entry.position.row = row.NextNumber();
  entry.position.byte = row.NextNumber();
  entry.counts.read = row.NextNumber();
  entry.counts.accepted = row.NextNumber();
  entry.counts.rejected = row.NextNumber();
  entry.counts.filtered = row.NextNumber();
  entry.counts.events = row.NextNumber();
  entry.owner = row.NextText();
  entry.lease_until = row.NextTime();
  entry.started = row.NextTime();
  entry.updated = row.NextTime();
  entry.last_error = row.NextText();
  entry.object_bytes = row.NextNumber();
  entry.revision = row.NextNumber();
  entry.mapping_version = row.NextNumber();
  entry.config_parts = row.NextText();
  entry.maybe_sent = row.NextNumber() != 0;
  entry.intent = row.NextText();
  return entry;
}

// Reads the one row of `statement`, and steps past it, which commits.
absl::StatusOr<bool> ReadOne(Statement& statement, LedgerEntry& entry) {
  ASSIGN_OR_RETURN(const bool found, statement.Step());
  if (!found) return false;
  entry = ReadEntry(statement);
  RETURN_IF_ERROR(statement.Run());
  return true;
}

absl::StatusOr<uint64_t> ReadSchemaVersion(Database& database) {
  ASSIGN_OR_RETURN(Statement tables,
                   database.Prepare("SELECT name FROM sqlite_schema WHERE type = 'table'"));
  bool has_tables = false;
  bool has_version = false;
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, tables.Step());
    if (!more) break;
    has_tables = true;
    if (tables.NextText() == "schema_version") has_version = true;
  }
  if (!has_tables) return 0;
  if (!has_version) {
    return absl::DataLossError(
        StrCat(database.path(), " is a database of something else, not a ledger"));
  }
  ASSIGN_OR_RETURN(Statement version, database.Prepare("SELECT version FROM schema_version"));
  ASSIGN_OR_RETURN(const bool found, version.Step());
  return found ? version.NextNumber() : 0;
}

absl::Status IsNewer(const Database& database, uint64_t version) {
  return absl::FailedPreconditionError(StrCat(
      "ledger ", database.path(), " was written by a newer Millrace (its format is ", version,
      ", this one knows ", kSchemaVersion, "): use that, or another --state or --ledger"));
}

absl::Status PrepareSchema(Database& database) {
  ASSIGN_OR_RETURN(const uint64_t version, ReadSchemaVersion(database));
  if (version == 0) return database.Execute(kSchema);
  if (version > kSchemaVersion) return IsNewer(database, version);
  for (size_t i = version - 1; i < std::size(kUpgrades); ++i) {
    RETURN_IF_ERROR(database.Execute(kUpgrades[i]));
  }
  return absl::OkStatus();
}

template <typename ReadPage>
absl::Status VisitPages(const ReadPage& read_page,
                        const std::function<absl::Status(const LedgerEntry&)>& visit) {
  ASSIGN_OR_RETURN(std::vector<LedgerEntry> page, read_page(nullptr));
  while (!page.empty()) {
    for (const LedgerEntry& entry : page) RETURN_IF_ERROR(visit(entry));
    ASSIGN_OR_RETURN(page, read_page(&page.back().key));
  }
  return absl::OkStatus();
}

// Reads all rows of a ledger, page by page, so that others do not wait for the reader.
class RowPages {
 public:
  absl::Status Prepare(Database& database, const PageSql& sql) {
    ASSIGN_OR_RETURN(first_, database.Prepare(sql.first));
    ASSIGN_OR_RETURN(next_, database.Prepare(sql.next));
    return absl::OkStatus();
  }

  // The rows that follow `after`; the first ones if it is null.
  absl::StatusOr<std::vector<LedgerEntry>> Read(const LedgerKey* after) {
    Statement& rows = after == nullptr ? first_ : next_;
    const Use use(rows);
    if (after != nullptr) BindKey(rows, *after);
    rows.Bind(uint64_t{kPage});
    std::vector<LedgerEntry> page;
    for (;;) {
      ASSIGN_OR_RETURN(const bool more, rows.Step());
      if (!more) return page;
      page.push_back(ReadEntry(rows));
    }
  }

 private:
  Statement first_;
  Statement next_;
};

// A database and its pages, guarded by a mutex.
class SqliteLedgerReader : public LedgerReader {
 public:
  explicit SqliteLedgerReader(Database database) : database_(std::move(database)) {}

  absl::Status Prepare() {
    absl::MutexLock lock(&mutex_);
    ASSIGN_OR_RETURN(const uint64_t version, ReadSchemaVersion(database_));
    if (version > kSchemaVersion) return IsNewer(database_, version);
    is_empty_ = version == 0;
    return is_empty_ ? absl::OkStatus() : pages_.Prepare(database_, kPages[version - 1]);
  }

  absl::Status ForEach(const std::function<absl::Status(const LedgerEntry&)>& visit,
                       std::stop_token stop) override {
    return VisitPages([&](const LedgerKey* after) { return ReadPage(after, stop); }, visit);
  }

 private:
  absl::StatusOr<std::vector<LedgerEntry>> ReadPage(const LedgerKey* after,
                                                    const std::stop_token& stop) {
    if (stop.stop_requested()) return StopRequested();
    absl::MutexLock lock(&mutex_);
    if (is_empty_) return std::vector<LedgerEntry>();
    database_.StopWaitsAt(stop);
    return pages_.Read(after);
  }

  absl::Mutex mutex_;
  bool is_empty_ ABSL_GUARDED_BY(mutex_) = false;
  Database database_ ABSL_GUARDED_BY(mutex_);  // before its statements, which end first
  RowPages pages_ ABSL_GUARDED_BY(mutex_);
};

class SqliteLedger : public Ledger {
 public:
  SqliteLedger(Database database, Clock& clock)
      : clock_(clock), database_(std::move(database)), intents_(mutex_, database_, clock) {}

  absl::Status Prepare() {
    RETURN_IF_ERROR(PrepareRows());
    return intents_.Prepare();
  }

  absl::StatusOr<Claim> ClaimObject(const ClaimRequest& request, std::stop_token stop) override {
    if (stop.stop_requested()) return StopRequested();
    absl::MutexLock lock(&mutex_);
    database_.StopWaitsAt(std::move(stop));
    for (;;) {
      Claim claim;
      ASSIGN_OR_RETURN(const bool claimed, TryClaim(request, claim.entry));
      if (claimed) {
        claim.outcome = Claim::Outcome::kClaimed;
        return claim;
      }
      ASSIGN_OR_RETURN(const bool refused, ReadRefusal(request, claim));
      if (refused) return claim;  // else another process has changed the rows meanwhile
    }
  }

  absl::Status Store(LedgerEntry& entry, absl::Duration lease, std::stop_token stop) override {
    if (stop.stop_requested()) return StopRequested();
    absl::MutexLock lock(&mutex_);
    database_.StopWaitsAt(std::move(stop));
    const bool done = entry.state == LedgerState::kDone;
    const absl::Time now = Now();
    const std::string owner = done ? "" : entry.owner;
    const absl::Time lease_until = done ? now : now + lease;
    const Use use(store_);
    store_.Bind(done ? "done" : "open").Bind(entry.position.row).Bind(entry.position.byte);
    store_.Bind(entry.counts.read).Bind(entry.counts.accepted).Bind(entry.counts.rejected);
    store_.Bind(entry.counts.filtered).Bind(entry.counts.events).Bind(entry.last_error);
    store_.Bind(uint64_t{entry.maybe_sent});
    store_.Bind(owner).Bind(lease_until).Bind(now);
    BindKey(store_, entry.key);
    store_.Bind(entry.revision).Bind(entry.owner);
    RETURN_IF_ERROR(ChangeOne(store_, entry));
    entry.owner = owner;
    entry.lease_until = lease_until;
    entry.updated = now;
    ++entry.revision;
    return absl::OkStatus();
  }

  absl::Status Release(LedgerEntry& entry, std::stop_token stop) override {
    if (stop.stop_requested()) return StopRequested();
    absl::MutexLock lock(&mutex_);
    database_.StopWaitsAt(std::move(stop));
    const absl::Time now = Now();
    const Use use(release_);
    release_.Bind(now);
    BindKey(release_, entry.key);
    release_.Bind(entry.revision).Bind(entry.owner);
    RETURN_IF_ERROR(ChangeOne(release_, entry));
    entry.owner.clear();
    entry.lease_until = entry.updated = now;
    ++entry.revision;
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<LedgerKey>> Forget(const LedgerKey& key,
                                                std::stop_token stop) override {
    if (stop.stop_requested()) return StopRequested();
    absl::MutexLock lock(&mutex_);
    database_.StopWaitsAt(std::move(stop));
    const Use use(forget_);
    forget_.Bind(key.object).Bind(key.version).Bind(key.destination);
    std::vector<LedgerKey> forgotten;
    for (;;) {
      ASSIGN_OR_RETURN(const bool more, forget_.Step());
      if (!more) return forgotten;
      forgotten.push_back({key.object, key.version, forget_.NextText(), key.destination});
    }
  }

  absl::Status ForEach(const std::function<absl::Status(const LedgerEntry&)>& visit,
                       std::stop_token stop) override {
    return VisitPages([&](const LedgerKey* after) { return ReadPage(after, stop); }, visit);
  }

  Intents& intents() override { return intents_; }

 private:
  absl::Status PrepareRows() {
    absl::MutexLock lock(&mutex_);
    // Only one of several processes that open a new file creates the tables.
    RETURN_IF_ERROR(database_.Execute("BEGIN IMMEDIATE"));
    RETURN_IF_ERROR(PrepareSchema(database_));
    RETURN_IF_ERROR(database_.Execute("COMMIT"));
    ASSIGN_OR_RETURN(claim_, database_.Prepare(kClaim));
    ASSIGN_OR_RETURN(find_, database_.Prepare(kFind));
    ASSIGN_OR_RETURN(find_rival_, database_.Prepare(kFindRival));
    ASSIGN_OR_RETURN(store_, database_.Prepare(kStore));
    ASSIGN_OR_RETURN(release_, database_.Prepare(kRelease));
    ASSIGN_OR_RETURN(forget_, database_.Prepare(kForget));
    return pages_.Prepare(database_, kPages[kSchemaVersion - 1]);
  }

  // As it will be read back.
  absl::Time Now() { return absl::FromUnixMicros(absl::ToUnixMicros(clock_.Now())); }

  absl::StatusOr<bool> TryClaim(const ClaimRequest& request, LedgerEntry& entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const absl::Time now = Now();
    const Use use(claim_);
    BindKey(claim_, request.key);
    claim_.Bind(request.owner).Bind(now + request.lease).Bind(now).Bind(request.object_bytes);
    claim_.Bind(request.mapping_version).Bind(request.config_parts);
    return ReadOne(claim_, entry);
  }

  // Why the object was not claimed; false if the reason no longer applies.
  absl::StatusOr<bool> ReadRefusal(const ClaimRequest& request, Claim& claim)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const Use use(find_);
    BindKey(find_, request.key);
    ASSIGN_OR_RETURN(const bool found, find_.Step());
    if (found) claim.entry = ReadEntry(find_);
    if (found && !claim.entry.intent.empty()) {
      std::string owner = find_.NextText();
      const absl::Time lease_until = find_.NextTime();
      claim = ClaimUnderIntent(std::move(claim.entry), std::move(owner), lease_until, request.owner,
                               Now());
      return true;
    }
    if (found && claim.entry.state == LedgerState::kDone) {
      claim.outcome = Claim::Outcome::kDone;
      return true;
    }
    const bool has_position = found && claim.entry.position.row > 0;
    if (!has_position) {
      const Use use_rival(find_rival_);
      BindKey(find_rival_, request.key);
      LedgerEntry rival;
      ASSIGN_OR_RETURN(const bool has_rival, ReadOne(find_rival_, rival));
      if (has_rival) {
        claim.outcome = OutcomeForRival(rival, Now());
        claim.entry = std::move(rival);
        return true;
      }
    }
    claim.outcome = Claim::Outcome::kHeld;
    return found;
  }

  // `change` returns the intent of the row that it changed.
  absl::Status ChangeOne(Statement& change, LedgerEntry& entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    ASSIGN_OR_RETURN(const bool changed, change.Step());
    if (changed) {
      entry.intent = change.NextText();
      return change.Run();  // which commits
    }
    const Use use(find_);
    BindKey(find_, entry.key);
    LedgerEntry row;
    ASSIGN_OR_RETURN(const bool found, ReadOne(find_, row));
    if (found && row.revision == entry.revision && row.owner == entry.owner) {
      RETURN_IF_ERROR(CheckStore(entry, row));
    }
    return TakenOver(entry.key);
  }

  absl::StatusOr<std::vector<LedgerEntry>> ReadPage(const LedgerKey* after,
                                                    const std::stop_token& stop) {
    if (stop.stop_requested()) return StopRequested();
    absl::MutexLock lock(&mutex_);
    database_.StopWaitsAt(stop);
    return pages_.Read(after);
  }

  Clock& clock_;
  absl::Mutex mutex_;
  Database database_ ABSL_GUARDED_BY(mutex_);  // before its statements, which end first
  Statement claim_ ABSL_GUARDED_BY(mutex_);
  Statement find_ ABSL_GUARDED_BY(mutex_);
  Statement find_rival_ ABSL_GUARDED_BY(mutex_);
  Statement store_ ABSL_GUARDED_BY(mutex_);
  Statement release_ ABSL_GUARDED_BY(mutex_);
  Statement forget_ ABSL_GUARDED_BY(mutex_);
  RowPages pages_ ABSL_GUARDED_BY(mutex_);
  SqliteIntents intents_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Ledger>> OpenSqliteLedger(const std::string& path, Clock& clock) {
  ASSIGN_OR_RETURN(Database database, Database::Open(path, kBusy));
  auto ledger = std::make_unique<SqliteLedger>(std::move(database), clock);
  RETURN_IF_ERROR(ledger->Prepare());
  return ledger;
}

absl::StatusOr<std::unique_ptr<LedgerReader>> OpenSqliteLedgerToRead(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) return std::make_unique<EmptyLedger>();
  ASSIGN_OR_RETURN(Database database, Database::OpenToRead(path, kBusy));
  auto reader = std::make_unique<SqliteLedgerReader>(std::move(database));
  RETURN_IF_ERROR(reader->Prepare());
  return reader;
}

}  // namespace millrace
