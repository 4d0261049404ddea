#include "connectors/sqlite/sqlite_intents.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/status.h"
#include "pipeline/intent_text.h"
#include "pipeline/shared_ledger.h"

namespace millrace {
namespace {

using sqlite::Statement;
using sqlite::Transaction;
using sqlite::Use;

#define MR_KEY "object = ?1 AND version = ?2 AND config = ?3 AND destination = ?4"
#define MR_CHANGE "UPDATE objects SET updated_us = ?6, revision = revision + 1, "
#define MR_COVERED " WHERE " MR_KEY " AND intent = ?5 RETURNING revision"
#define MR_HELD "id = ? AND owner = ? AND revision = ?"

// Changes of a row: ?1 to ?4 are its key, ?5 is the intent and ?6 the time.
constexpr char kCover[] =
    MR_CHANGE "intent = ?5 WHERE " MR_KEY
              " AND revision = ?7 AND owner = ?8 AND intent = '' RETURNING revision";
constexpr char kSettle[] = MR_CHANGE
    "intent = '', lease_until_us = CASE WHEN ?9 = 'done' THEN ?6 WHEN owner = ?7 THEN ?8 "
    "ELSE lease_until_us END, state = ?9, owner = iif(?9 = 'done', '', owner), "
    "position_row = ?10, position_byte = ?11, rows_read = ?12, rows_accepted = ?13, "
    "rows_rejected = ?14, rows_filtered = ?15, events_accepted = ?16, last_error = ?17" MR_COVERED;
constexpr char kUncover[] = MR_CHANGE "intent = ''" MR_COVERED;
constexpr char kDisown[] = MR_CHANGE "owner = '', lease_until_us = ?6" MR_COVERED;

constexpr char kInsert[] =
    "INSERT INTO intents (id, destination, owner, lease_until_us, revision, content) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
constexpr char kRemove[] = "DELETE FROM intents WHERE " MR_HELD;
constexpr char kRenew[] =
    "UPDATE intents SET lease_until_us = ?, revision = revision + 1 WHERE " MR_HELD;
constexpr char kTake[] =
    "UPDATE intents SET owner = ?2, lease_until_us = ?3, revision = revision + 1 "
    "WHERE id = ?1 AND (owner = ?2 OR lease_until_us <= ?4 OR ?5) "
    "RETURNING id, destination, owner, lease_until_us, revision, content";
constexpr char kList[] =
    "SELECT id, destination, owner, lease_until_us, revision, content FROM intents "
    "WHERE destination = ? ORDER BY id";

#undef MR_HELD
#undef MR_COVERED
#undef MR_CHANGE
#undef MR_KEY

absl::StatusOr<Intent> ReadIntent(Statement& row) {
  Intent intent;
  intent.id = row.NextText();
  intent.destination = row.NextText();
  intent.owner = row.NextText();
  intent.lease_until = row.NextTime();
  intent.revision = row.NextNumber();
  RETURN_IF_ERROR(ParseIntentText(row.NextText(), intent));
  return intent;
}

}  // namespace

absl::Status SqliteIntents::Prepare() {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(cover_, database_.Prepare(kCover));
  ASSIGN_OR_RETURN(settle_, database_.Prepare(kSettle));
  ASSIGN_OR_RETURN(uncover_, database_.Prepare(kUncover));
  ASSIGN_OR_RETURN(disown_, database_.Prepare(kDisown));
  ASSIGN_OR_RETURN(insert_, database_.Prepare(kInsert));
  ASSIGN_OR_RETURN(remove_, database_.Prepare(kRemove));
  ASSIGN_OR_RETURN(renew_, database_.Prepare(kRenew));
  ASSIGN_OR_RETURN(take_, database_.Prepare(kTake));
  ASSIGN_OR_RETURN(list_, database_.Prepare(kList));
  return absl::OkStatus();
}

absl::Status SqliteIntents::ChangeRows(Statement& change, Intent& intent, const BindSpan& bind) {
  for (IntentSpan& span : intent.spans) {
    const Use use(change);
    const LedgerKey& key = span.object;
    change.Bind(key.object).Bind(key.version).Bind(key.config).Bind(key.destination);
    change.Bind(intent.id);
    bind(change, span);
    ASSIGN_OR_RETURN(const bool found, change.Step());
    span.revision = found ? change.NextNumber() : 0;
    if (found) RETURN_IF_ERROR(change.Run());
  }
  return absl::OkStatus();
}

absl::Status SqliteIntents::Insert(const Intent& intent) {
  const std::string content = IntentText(intent);
  const Use use(insert_);
  insert_.Bind(intent.id).Bind(intent.destination).Bind(intent.owner).Bind(intent.lease_until);
  insert_.Bind(intent.revision).Bind(content);
  RETURN_IF_ERROR(insert_.Run());
  return database_.changes() == 1 ? absl::OkStatus() : TakenOver(intent);
}

absl::Status SqliteIntents::Remove(const Intent& intent) {
  const Use use(remove_);
  RETURN_IF_ERROR(remove_.Bind(intent.id).Bind(intent.owner).Bind(intent.revision).Run());
  return database_.changes() == 1 ? absl::OkStatus() : TakenOver(intent);
}

absl::Status SqliteIntents::Announce(Intent& intent, absl::Duration lease, std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  RETURN_IF_ERROR(CheckIntent(intent));
  absl::MutexLock lock(&mutex_);
  database_.StopWaitsAt(std::move(stop));
  const absl::Time now = Now();
  Intent announced = intent;
  announced.lease_until = now + lease;
  announced.revision = 1;
  ASSIGN_OR_RETURN(const std::unique_ptr<Transaction> transaction,
                   Transaction::Begin(database_, Transaction::Durability::kPowerLoss));
  RETURN_IF_ERROR(ChangeRows(cover_, announced, [&](Statement& cover, const IntentSpan& span) {
    cover.Bind(now).Bind(span.revision).Bind(announced.owner);
  }));
  for (const IntentSpan& span : announced.spans) {
    if (span.revision == 0) return TakenOver(span.object);
  }
  RETURN_IF_ERROR(Insert(announced));
  RETURN_IF_ERROR(transaction->Commit());
  intent = std::move(announced);
  return absl::OkStatus();
}

absl::Status SqliteIntents::Renew(Intent& intent, absl::Duration lease, std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  absl::MutexLock lock(&mutex_);
  database_.StopWaitsAt(std::move(stop));
  const absl::Time lease_until = Now() + lease;
  const Use use(renew_);
  renew_.Bind(lease_until).Bind(intent.id).Bind(intent.owner).Bind(intent.revision);
  RETURN_IF_ERROR(renew_.Run());
  if (database_.changes() != 1) return TakenOver(intent);
  intent.lease_until = lease_until;
  ++intent.revision;
  return absl::OkStatus();
}

absl::Status SqliteIntents::Settle(Intent& intent, absl::Duration lease, std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  absl::MutexLock lock(&mutex_);
  database_.StopWaitsAt(std::move(stop));
  const absl::Time now = Now();
  Intent settled = intent;
  ASSIGN_OR_RETURN(const std::unique_ptr<Transaction> transaction, Transaction::Begin(database_));
  RETURN_IF_ERROR(Remove(settled));
  RETURN_IF_ERROR(ChangeRows(settle_, settled, [&](Statement& row, const IntentSpan& span) {
    const Counts& counts = span.counts;
    row.Bind(now).Bind(settled.owner).Bind(now + lease);
    row.Bind(span.state == LedgerState::kDone ? "done" : "open");
    row.Bind(span.after.row).Bind(span.after.byte);
    row.Bind(counts.read).Bind(counts.accepted).Bind(counts.rejected).Bind(counts.filtered);
    row.Bind(counts.events).Bind(span.last_error);
  }));
  RETURN_IF_ERROR(transaction->Commit());
  intent = std::move(settled);
  return absl::OkStatus();
}

absl::Status SqliteIntents::Withdraw(Intent& intent, std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  absl::MutexLock lock(&mutex_);
  database_.StopWaitsAt(std::move(stop));
  const absl::Time now = Now();
  Intent withdrawn = intent;
  ASSIGN_OR_RETURN(const std::unique_ptr<Transaction> transaction, Transaction::Begin(database_));
  RETURN_IF_ERROR(Remove(withdrawn));
  RETURN_IF_ERROR(
      ChangeRows(uncover_, withdrawn, [&](Statement& row, const IntentSpan&) { row.Bind(now); }));
  RETURN_IF_ERROR(transaction->Commit());
  intent = std::move(withdrawn);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Intent>> SqliteIntents::Take(const std::string& id,
                                                          const std::string& owner,
                                                          bool owner_is_dead, absl::Duration lease,
                                                          std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  absl::MutexLock lock(&mutex_);
  database_.StopWaitsAt(std::move(stop));
  const absl::Time now = Now();
  ASSIGN_OR_RETURN(const std::unique_ptr<Transaction> transaction, Transaction::Begin(database_));
  Intent taken;
  {
    const Use use(take_);
    take_.Bind(id).Bind(owner).Bind(now + lease).Bind(now).Bind(uint64_t{owner_is_dead});
    ASSIGN_OR_RETURN(const bool found, take_.Step());
    if (!found) return std::nullopt;
    ASSIGN_OR_RETURN(taken, ReadIntent(take_));
    RETURN_IF_ERROR(take_.Run());
  }
  RETURN_IF_ERROR(
      ChangeRows(disown_, taken, [&](Statement& row, const IntentSpan&) { row.Bind(now); }));
  RETURN_IF_ERROR(transaction->Commit());
  return taken;
}

absl::StatusOr<std::vector<Intent>> SqliteIntents::List(const std::string& destination,
                                                        std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  absl::MutexLock lock(&mutex_);
  database_.StopWaitsAt(std::move(stop));
  const Use use(list_);
  list_.Bind(destination);
  std::vector<Intent> listed;
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, list_.Step());
    if (!more) return listed;
    ASSIGN_OR_RETURN(listed.emplace_back(), ReadIntent(list_));
  }
}

}  // namespace millrace
