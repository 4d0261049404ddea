#include "connectors/firestore/firestore_intents.h"

#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "pipeline/shared_ledger.h"

namespace millrace {
namespace {

using firestore::Expect;
using firestore::FirestoreClient;
using firestore::FoundIntent;
using firestore::IntentDocument;
using firestore::LedgerDocument;

constexpr size_t kPage = 50;  // an intent takes up to kMaxIntentBytes

bool IsHeld(const FoundIntent& found, const Intent& intent) {
  return found.document && found.document->intent.owner == intent.owner &&
         found.document->intent.revision == intent.revision;
}

// False: others have changed the documents meanwhile. An error: the outcome may be unknown.
absl::StatusOr<bool> IsMade(const absl::Status& commit) {
  if (commit.ok()) return true;
  if (absl::IsAborted(commit) || firestore::IsSurprise(commit)) return false;
  return commit;
}

}  // namespace

absl::Status FirestoreIntents::Repeat(const Try& attempt, const std::stop_token& stop) {
  const auto client = clients_.Borrow(stop);
  if (!client) return StopRequested();
  bool unavailable = false;
  for (int tries = 0; tries < firestore::kMaxTries; ++tries) {
    const absl::StatusOr<bool> made = attempt(**client);
    if (made.ok() && *made) return absl::OkStatus();
    if (absl::IsUnavailable(made.status())) {
      if (std::exchange(unavailable, true)) return made.status();
      continue;
    }
    RETURN_IF_ERROR(made.status());
    RETURN_IF_ERROR(firestore::BackOff(clock_, tries, stop));
  }
  return absl::UnavailableError("others change the documents of the commit too often");
}

absl::StatusOr<FirestoreIntents::Rows> FirestoreIntents::ReadRows(FirestoreClient& client,
                                                                  const Intent& intent,
                                                                  const std::stop_token& stop) {
  std::vector<std::string> names;
  for (const IntentSpan& span : intent.spans) names.push_back(location_.DocumentName(span.object));
  ASSIGN_OR_RETURN(firestore::QueryResult found, client.Get(names, stop));
  Rows rows;
  for (LedgerDocument& document : found.documents) {
    const LedgerKey key = document.entry.key;
    rows[key] = std::move(document);
  }
  return rows;
}

std::vector<std::string> FirestoreIntents::EditRows(Intent& intent, Rows rows,
                                                    const std::string& change_id,
                                                    const Edit& edit) {
  std::vector<std::string> writes;
  for (IntentSpan& span : intent.spans) {
    const auto row = rows.find(span.object);
    span.revision = 0;
    if (row == rows.end() || row->second.entry.intent != intent.id) continue;
    LedgerDocument& document = row->second;
    edit(span, document);
    span.revision = ++document.entry.revision;
    document.last_write = change_id;
    writes.push_back(WriteText(location_.DocumentName(span.object), document, Expect::kUnchanged));
  }
  return writes;
}

absl::Status FirestoreIntents::Announce(Intent& intent, absl::Duration lease,
                                        std::stop_token stop) {
  RETURN_IF_ERROR(CheckIntent(intent));
  for (const IntentSpan& span : intent.spans) {
    RETURN_IF_ERROR(CheckIsUtf8(span.object, "Firestore"));
  }
  return Repeat([&](FirestoreClient& client) { return TryAnnounce(client, intent, lease, stop); },
                stop);
}

absl::StatusOr<bool> FirestoreIntents::TryAnnounce(FirestoreClient& client, Intent& intent,
                                                   absl::Duration lease,
                                                   const std::stop_token& stop) {
  IntentDocument announced{.intent = intent, .lease = lease};
  announced.intent.revision = 0;
  announced.last_write = ChangeId("announce", announced.intent);
  announced.intent.revision = 1;
  ASSIGN_OR_RETURN(Rows rows, ReadRows(client, intent, stop));
  ASSIGN_OR_RETURN(const FoundIntent found, client.GetIntent(intent.id, stop));
  if (found.document) {
    if (found.document->last_write != announced.last_write) return TakenOver(intent);
    for (IntentSpan& span : intent.spans) {
      const LedgerEntry& row = rows[span.object].entry;
      span.revision = row.intent == intent.id ? row.revision : 0;
    }
    intent.revision = found.document->intent.revision;
    intent.lease_until = found.document->intent.lease_until;
    return true;
  }
  for (const IntentSpan& span : intent.spans) {
    LedgerEntry& row = rows[span.object].entry;
    if (row.revision != span.revision || row.owner != intent.owner || !row.intent.empty()) {
      return TakenOver(span.object);
    }
    row.intent = intent.id;
  }
  std::vector<std::string> writes = {
      WriteText(location_.IntentName(intent.id), announced, Expect::kAbsent)};
  for (std::string& write : EditRows(announced.intent, std::move(rows), announced.last_write,
                                     [](const IntentSpan&, LedgerDocument&) {})) {
    writes.push_back(std::move(write));
  }
  const absl::StatusOr<absl::Time> committed = client.Commit(writes, stop);
  if (!committed.ok()) return IsMade(committed.status());
  intent = std::move(announced.intent);
  intent.lease_until = *committed + lease;
  return true;
}

absl::Status FirestoreIntents::Renew(Intent& intent, absl::Duration lease, std::stop_token stop) {
  const std::string change_id = ChangeId("renew", intent);
  const auto attempt = [&](FirestoreClient& client) -> absl::StatusOr<bool> {
    ASSIGN_OR_RETURN(FoundIntent found, client.GetIntent(intent.id, stop));
    if (!IsHeld(found, intent)) {
      if (!found.document || found.document->last_write != change_id) return TakenOver(intent);
      intent.revision = found.document->intent.revision;
      intent.lease_until = found.document->intent.lease_until;
      return true;
    }
    IntentDocument& document = *found.document;
    ++document.intent.revision;
    document.lease = lease;
    document.last_write = change_id;
    const absl::StatusOr<absl::Time> committed = client.Commit(
        {WriteText(location_.IntentName(intent.id), document, Expect::kUnchanged)}, stop);
    if (!committed.ok()) return IsMade(committed.status());
    intent.revision = document.intent.revision;
    intent.lease_until = *committed + lease;
    return true;
  };
  return Repeat(attempt, stop);
}

absl::Status FirestoreIntents::End(const char* kind, Intent& intent, const Edit& edit,
                                   const std::stop_token& stop) {
  const std::string change_id = ChangeId(kind, intent);
  RETURN_IF_ERROR(
      Repeat([&](FirestoreClient& client) { return TryEnd(client, change_id, intent, edit, stop); },
             stop));
  ++intent.revision;  // a second call is another change
  return absl::OkStatus();
}

absl::StatusOr<bool> FirestoreIntents::TryEnd(FirestoreClient& client, const std::string& change_id,
                                              Intent& intent, const Edit& edit,
                                              const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const FoundIntent found, client.GetIntent(intent.id, stop));
  ASSIGN_OR_RETURN(Rows rows, ReadRows(client, intent, stop));
  if (!IsHeld(found, intent)) {
    bool made = false;
    for (IntentSpan& span : intent.spans) {
      const auto row = rows.find(span.object);
      const bool edited = row != rows.end() && row->second.last_write == change_id;
      made = made || (edited && !found.document);
      span.revision = edited ? row->second.entry.revision : 0;
    }
    if (!made) return TakenOver(intent);
    return true;
  }
  const std::string name = location_.IntentName(intent.id);
  const absl::Time updated = found.document->updated;
  Intent ended = intent;
  std::vector<std::string> writes = EditRows(ended, std::move(rows), change_id, edit);
  absl::Status committed;
  if (writes.empty()) {
    committed = client.Delete(name, stop, updated);
  } else {
    writes.push_back(firestore::DeleteText(name, updated));
    committed = client.Commit(writes, stop).status();
  }
  if (committed.ok()) intent = std::move(ended);
  return IsMade(committed);
}

absl::Status FirestoreIntents::Settle(Intent& intent, absl::Duration lease, std::stop_token stop) {
  const std::string owner = intent.owner;
  return End(
      "settle", intent,
      [&](const IntentSpan& span, LedgerDocument& row) {
        LedgerEntry& entry = row.entry;
        entry.position = span.after;
        entry.counts = span.counts;
        entry.state = span.state;
        entry.last_error = span.last_error;
        entry.intent.clear();
        if (entry.owner == owner) row.lease = lease;
        if (span.state != LedgerState::kDone) return;
        entry.owner.clear();
        row.lease = absl::ZeroDuration();
      },
      stop);
}

absl::Status FirestoreIntents::Withdraw(Intent& intent, std::stop_token stop) {
  return End(
      "withdraw", intent, [](const IntentSpan&, LedgerDocument& row) { row.entry.intent.clear(); },
      stop);
}

// Taking twice has the same effect as once, so a lost response is harmless.
absl::StatusOr<std::optional<Intent>> FirestoreIntents::Take(const std::string& id,
                                                             const std::string& owner,
                                                             bool owner_is_dead,
                                                             absl::Duration lease,
                                                             std::stop_token stop) {
  std::optional<Intent> taken;
  const auto attempt = [&](FirestoreClient& client) -> absl::StatusOr<bool> {
    ASSIGN_OR_RETURN(FoundIntent found, client.GetIntent(id, stop));
    if (!found.document) return true;
    IntentDocument& document = *found.document;
    Intent& intent = document.intent;
    if (intent.lease_until > found.read_time && intent.owner != owner && !owner_is_dead) {
      return true;
    }
    intent.owner = owner;
    ++intent.revision;
    document.lease = lease;
    document.last_write.clear();
    std::vector<std::string> writes = {
        WriteText(location_.IntentName(id), document, Expect::kUnchanged)};
    ASSIGN_OR_RETURN(Rows rows, ReadRows(client, intent, stop));
    for (std::string& write :
         EditRows(intent, std::move(rows), "", [](const IntentSpan&, LedgerDocument& row) {
           row.entry.owner.clear();
           row.lease = absl::ZeroDuration();
         })) {
      writes.push_back(std::move(write));
    }
    const absl::StatusOr<absl::Time> committed = client.Commit(writes, stop);
    if (!committed.ok()) return IsMade(committed.status());
    intent.lease_until = *committed + lease;
    taken = std::move(intent);
    return true;
  };
  RETURN_IF_ERROR(Repeat(attempt, stop));
  return taken;
}

absl::StatusOr<std::vector<Intent>> FirestoreIntents::List(const std::string& destination,
                                                           std::stop_token stop) {
  const auto client = clients_.Borrow(stop);
  if (!client) return StopRequested();
  std::vector<Intent> listed;
  for (;;) {
    const std::string after = listed.empty() ? "" : listed.back().id;
    ASSIGN_OR_RETURN(std::vector<IntentDocument> page,
                     (*client)->IntentPage(destination, after, kPage, stop));
    for (IntentDocument& document : page) listed.push_back(std::move(document.intent));
    if (page.size() < kPage) return listed;
  }
}

}  // namespace millrace
