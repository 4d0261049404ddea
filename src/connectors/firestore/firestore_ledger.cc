#include "connectors/firestore/firestore_ledger.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/pool.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/firestore/firestore_client.h"
#include "connectors/firestore/firestore_intents.h"
#include "pipeline/shared_ledger.h"

namespace millrace {
namespace {

using firestore::Expect;
using firestore::FirestoreClient;
using firestore::FoundIntent;
using firestore::IsSurprise;
using firestore::LedgerDocument;
using firestore::Location;

constexpr size_t kMaxConnections = 8;
constexpr size_t kPage = 300;
// A document supports about one change per second.
constexpr absl::Duration kStoreInterval = absl::Seconds(1);

class FirestoreLedger : public Ledger {
 public:
  FirestoreLedger(Location location, const FirestoreOptions& options)
      : location_(std::move(location)),
        clock_(options.clock),
        clients_(kMaxConnections,
                 [this, new_http = options.new_http] {
                   return std::make_unique<FirestoreClient>(location_, new_http());
                 }),
        intents_(location_, clock_, clients_) {}

  absl::Status Check(const std::stop_token& stop) {
    const auto client = clients_.Borrow(stop);
    return client ? (*client)->Page(nullptr, 1, stop).status() : StopRequested();
  }

  absl::StatusOr<Claim> ClaimObject(const ClaimRequest& request, std::stop_token stop) override;
  absl::Status Store(LedgerEntry& entry, absl::Duration lease, std::stop_token stop) override;
  absl::Status Release(LedgerEntry& entry, std::stop_token stop) override;
  absl::StatusOr<std::vector<LedgerKey>> Forget(const LedgerKey& key,
                                                std::stop_token stop) override;
  absl::Status ForEach(const std::function<absl::Status(const LedgerEntry&)>& visit,
                       std::stop_token stop) override;

  Intents& intents() override { return intents_; }

  absl::Duration StoreInterval() const override { return kStoreInterval; }

 private:
  absl::StatusOr<std::vector<LedgerDocument>> ReadPage(const LedgerDocument* after,
                                                       const std::stop_token& stop) {
    const auto client = clients_.Borrow(stop);
    if (!client) return StopRequested();
    return (*client)->Page(after, kPage, stop);
  }
  // The documents of an object, version and destination.
  struct Look {
    std::optional<LedgerDocument> own;
    std::optional<Claim> rival;  // of a row of another config: the outcome of a claim because of it
    absl::Time read_time;
  };
  absl::StatusOr<Look> LookAt(FirestoreClient& client, const LedgerKey& key,
                              const std::stop_token& stop);
  // Nullopt if the document changed in between.
  absl::StatusOr<std::optional<Claim>> TryClaim(FirestoreClient& client, const LedgerEntry& wanted,
                                                absl::Duration lease, const std::stop_token& stop);
  absl::StatusOr<std::optional<Claim>> Take(FirestoreClient& client, LedgerDocument document,
                                            Expect expect, const std::stop_token& stop);
  absl::StatusOr<Claim> GiveWayToRivals(FirestoreClient& client, Claim claim,
                                        const std::stop_token& stop);
  // Nullopt if the commit has ended in between.
  absl::StatusOr<std::optional<Claim>> LeaveToIntent(FirestoreClient& client, LedgerEntry row,
                                                     const std::string& claimer,
                                                     const std::stop_token& stop);
  // Edits the document of `entry`.
  using Edit = std::function<absl::Status(LedgerDocument&)>;
  absl::Status Change(LedgerEntry& entry, const std::string& change_id, const Edit& edit,
                      const std::stop_token& stop);

  const Location location_;
  Clock& clock_;
  // Whether the last claim found a document: if so, the next claim reads first, else it creates
  // first.
  std::atomic<bool> look_first_{false};
  Pool<FirestoreClient> clients_;
  FirestoreIntents intents_;
};

absl::StatusOr<Ledger::Claim> FirestoreLedger::ClaimObject(const ClaimRequest& request,
                                                           std::stop_token stop) {
  RETURN_IF_ERROR(CheckIsUtf8(request.key, "Firestore"));
  const auto client = clients_.Borrow(stop);
  if (!client) return StopRequested();
  LedgerEntry wanted{.key = request.key,
                     .owner = request.owner,
                     .object_bytes = request.object_bytes,
                     .revision = 1,
                     .mapping_version = request.mapping_version,
                     .config_parts = request.config_parts};
  absl::Status last;
  for (int attempt = 0; attempt < firestore::kMaxTries; ++attempt) {
    // Claiming twice has the same effect as once, so a lost response is harmless.
    absl::StatusOr<std::optional<Claim>> claim = TryClaim(**client, wanted, request.lease, stop);
    if (claim.ok() && claim->has_value()) return **std::move(claim);
    last = claim.status();
    if (!last.ok() && !absl::IsAborted(last) && !(absl::IsUnavailable(last) && attempt < 3)) {
      return last;
    }
    if (attempt > 0 || absl::IsAborted(last))
      RETURN_IF_ERROR(firestore::BackOff(clock_, attempt, stop));
  }
  return absl::UnavailableError(StrCat("too many claim ", request.key.object, " at once"));
}

absl::StatusOr<FirestoreLedger::Look> FirestoreLedger::LookAt(FirestoreClient& client,
                                                              const LedgerKey& key,
                                                              const std::stop_token& stop) {
  ASSIGN_OR_RETURN(firestore::QueryResult found, client.OfObject(key, stop));
  Look look{.read_time = found.read_time};
  for (LedgerDocument& document : found.documents) {
    LedgerEntry& entry = document.entry;
    if (entry.key == key) {
      look.own = std::move(document);
    } else if (entry.key.destination == key.destination && MayHaveSent(entry)) {
      const Claim::Outcome outcome = OutcomeForRival(entry, found.read_time);
      look.rival = Claim{.outcome = outcome, .entry = std::move(entry)};
    }
  }
  return look;
}

absl::StatusOr<std::optional<Ledger::Claim>> FirestoreLedger::TryClaim(
    FirestoreClient& client, const LedgerEntry& wanted, absl::Duration lease,
    const std::stop_token& stop) {
  const auto create = [&]() -> absl::StatusOr<std::optional<Claim>> {
    ASSIGN_OR_RETURN(std::optional<Claim> claim,
                     Take(client, {.entry = wanted, .lease = lease}, Expect::kAbsent, stop));
    if (!claim) return std::nullopt;
    return GiveWayToRivals(client, *std::move(claim), stop);
  };
  if (!look_first_) {
    ASSIGN_OR_RETURN(std::optional<Claim> claim, create());
    look_first_ = !claim || claim->outcome != Claim::Outcome::kClaimed;
    if (claim) return claim;
  }
  ASSIGN_OR_RETURN(Look look, LookAt(client, wanted.key, stop));
  const bool has_position = look.own && look.own->entry.position.row > 0;
  const bool done = look.own && look.own->entry.state == LedgerState::kDone;
  if (done) return Claim{.outcome = Claim::Outcome::kDone, .entry = std::move(look.own->entry)};
  if (look.own && !look.own->entry.intent.empty()) {
    return LeaveToIntent(client, std::move(look.own->entry), wanted.owner, stop);
  }
  if (look.rival && !has_position) return std::move(look.rival);
  if (!look.own) {
    look_first_ = false;
    return create();
  }
  LedgerEntry& entry = look.own->entry;
  if (!entry.owner.empty() && entry.owner != wanted.owner && entry.lease_until > look.read_time) {
    return Claim{.outcome = Claim::Outcome::kHeld, .entry = std::move(entry)};
  }
  entry.maybe_sent = entry.maybe_sent || (!entry.owner.empty() && entry.owner != wanted.owner);
  entry.owner = wanted.owner;
  entry.object_bytes = wanted.object_bytes;
  if (!has_position) entry.mapping_version = wanted.mapping_version;
  entry.config_parts = wanted.config_parts;
  ++entry.revision;
  look.own->lease = lease;
  look.own->last_write.clear();
  ASSIGN_OR_RETURN(std::optional<Claim> claim,
                   Take(client, *std::move(look.own), Expect::kUnchanged, stop));
  if (!claim || has_position) return claim;
  return GiveWayToRivals(client, *std::move(claim), stop);
}

// If two workers claim under two configs at the same time, neither may see the other's document
// before its own exists. So after a claim a worker looks again: the later one sees the other
// document and releases its claim; possibly both do.
absl::StatusOr<Ledger::Claim> FirestoreLedger::GiveWayToRivals(FirestoreClient& client, Claim claim,
                                                               const std::stop_token& stop) {
  ASSIGN_OR_RETURN(Look look, LookAt(client, claim.entry.key, stop));
  if (!look.rival) return claim;
  const absl::Status removed =
      client.Delete(location_.DocumentName(claim.entry.key), stop, claim.entry.updated);
  if (!removed.ok() && !IsSurprise(removed)) return removed;
  return *std::move(look.rival);
}

absl::StatusOr<std::optional<Ledger::Claim>> FirestoreLedger::Take(FirestoreClient& client,
                                                                   LedgerDocument document,
                                                                   Expect expect,
                                                                   const std::stop_token& stop) {
  LedgerEntry& entry = document.entry;
  const absl::StatusOr<absl::Time> written =
      client.Commit({WriteText(location_.DocumentName(entry.key), document, expect)}, stop);
  if (IsSurprise(written.status())) return std::nullopt;
  RETURN_IF_ERROR(written.status());
  entry.updated = *written;
  if (expect == Expect::kAbsent) entry.started = *written;
  entry.lease_until = entry.updated + document.lease;
  return Claim{.outcome = Claim::Outcome::kClaimed, .entry = std::move(entry)};
}

absl::StatusOr<std::optional<Ledger::Claim>> FirestoreLedger::LeaveToIntent(
    FirestoreClient& client, LedgerEntry row, const std::string& claimer,
    const std::stop_token& stop) {
  ASSIGN_OR_RETURN(FoundIntent found, client.GetIntent(row.intent, stop));
  if (!found.document) return std::nullopt;
  Intent& intent = found.document->intent;
  return ClaimUnderIntent(std::move(row), std::move(intent.owner), intent.lease_until, claimer,
                          found.read_time);
}

// A compare-and-set on the time of the document's last change. If that differs, an earlier try
// whose response was lost may have made the change, or intents have changed the document, of which
// `entry` has the revision only.
absl::Status FirestoreLedger::Change(LedgerEntry& entry, const std::string& change_id,
                                     const Edit& edit, const std::stop_token& stop) {
  if (entry.owner.empty()) return TakenOver(entry.key);
  const std::string name = location_.DocumentName(entry.key);
  const auto client = clients_.Borrow(stop);
  if (!client) return StopRequested();
  const auto changed = [&](const LedgerEntry& row, absl::Duration lease) {
    entry.owner = row.owner;
    entry.revision = row.revision;
    entry.intent = row.intent;
    entry.updated = row.updated;
    entry.lease_until = entry.updated + lease;
    return absl::OkStatus();
  };
  bool look_first = !entry.intent.empty();
  bool unavailable = false;
  absl::Status last;
  for (int attempt = 0; attempt < firestore::kMaxTries; ++attempt) {
    LedgerDocument document{.entry = entry};
    if (look_first) {
      ASSIGN_OR_RETURN(firestore::QueryResult found, (*client)->Get({name}, stop));
      if (found.documents.empty()) return TakenOver(entry.key);
      document = std::move(found.documents[0]);
      const LedgerEntry& row = document.entry;
      if (document.last_write == change_id) return changed(row, document.lease);
      if (row.revision != entry.revision || row.owner != entry.owner) return TakenOver(entry.key);
    }
    RETURN_IF_ERROR(edit(document));
    ++document.entry.revision;
    document.last_write = change_id;
    const absl::StatusOr<absl::Time> written =
        (*client)->Commit({WriteText(name, document, Expect::kUnchanged)}, stop);
    if (written.ok()) {
      document.entry.updated = *written;
      return changed(document.entry, document.lease);
    }
    last = written.status();
    if (absl::IsAborted(last)) {
      RETURN_IF_ERROR(firestore::BackOff(clock_, attempt, stop));
    } else if (IsSurprise(last)) {
      look_first = true;
    } else if (!absl::IsUnavailable(last) || std::exchange(unavailable, true)) {
      return last;
    }
  }
  return absl::UnavailableError(last.message());
}

absl::Status FirestoreLedger::Store(LedgerEntry& entry, absl::Duration lease,
                                    std::stop_token stop) {
  const auto edit = [stored = entry, lease](LedgerDocument& document) {
    LedgerEntry& row = document.entry;
    RETURN_IF_ERROR(CheckStore(stored, row));
    const bool done = stored.state == LedgerState::kDone;
    row.state = stored.state;
    row.position = stored.position;
    row.counts = stored.counts;
    row.last_error = stored.last_error;
    row.maybe_sent = stored.maybe_sent;
    if (done) row.owner.clear();
    document.lease = done ? absl::ZeroDuration() : lease;
    return absl::OkStatus();
  };
  return Change(entry, ChangeId("store", entry), edit, stop);
}

absl::Status FirestoreLedger::Release(LedgerEntry& entry, std::stop_token stop) {
  const auto edit = [](LedgerDocument& document) {
    document.entry.owner.clear();
    document.lease = absl::ZeroDuration();
    return absl::OkStatus();
  };
  return Change(entry, ChangeId("release", entry), edit, stop);
}

absl::StatusOr<std::vector<LedgerKey>> FirestoreLedger::Forget(const LedgerKey& key,
                                                               std::stop_token stop) {
  RETURN_IF_ERROR(CheckIsUtf8(key, "Firestore"));
  const auto client = clients_.Borrow(stop);
  if (!client) return StopRequested();
  ASSIGN_OR_RETURN(const firestore::QueryResult found, (*client)->OfObject(key, stop));
  std::vector<LedgerKey> forgotten;
  for (const LedgerDocument& document : found.documents) {
    if (document.entry.key.destination != key.destination) continue;
    absl::Status status;
    for (int attempt = 0; attempt < firestore::kMaxTries; ++attempt) {
      status = (*client)->Delete(document.name, stop);
      if (!absl::IsAborted(status)) break;
      RETURN_IF_ERROR(firestore::BackOff(clock_, attempt, stop));
    }
    if (!absl::IsNotFound(status)) RETURN_IF_ERROR(status);
    forgotten.push_back(document.entry.key);
  }
  return forgotten;
}

// Firestore orders by object (an automatic index); the documents of one object are sorted here, so
// that users need no composite index.
absl::Status FirestoreLedger::ForEach(const std::function<absl::Status(const LedgerEntry&)>& visit,
                                      std::stop_token stop) {
  std::vector<LedgerDocument> same;  // documents of one object
  const auto visit_all = [&]() -> absl::Status {
    std::sort(same.begin(), same.end(), [](const LedgerDocument& a, const LedgerDocument& b) {
      return a.entry.key < b.entry.key;
    });
    for (const LedgerDocument& document : same) RETURN_IF_ERROR(visit(document.entry));
    same.clear();
    return absl::OkStatus();
  };
  std::optional<LedgerDocument> last;
  for (;;) {
    ASSIGN_OR_RETURN(std::vector<LedgerDocument> page, ReadPage(last ? &*last : nullptr, stop));
    if (!page.empty()) last = page.back();
    for (LedgerDocument& document : page) {
      if (!same.empty() && same.back().entry.key.object != document.entry.key.object) {
        RETURN_IF_ERROR(visit_all());
      }
      same.push_back(std::move(document));
    }
    if (page.size() < kPage) return visit_all();
  }
}

// A project, collection or database id: nothing that would change the meaning of a path.
bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= 1500 && text != "." && text != ".." &&
         text.find_first_of("/?#%\\ \"<>") == std::string_view::npos;
}

absl::StatusOr<Location> ParseUri(std::string_view uri) {
  const absl::Status bad =
      absl::InvalidArgumentError(StrCat("the ledger ", uri,
                                        " should be firestore://PROJECT/COLLECTION, or "
                                        "firestore://PROJECT/COLLECTION?database=ID"));
  constexpr std::string_view kScheme = "firestore://";
  if (!uri.starts_with(kScheme)) return bad;
  std::string_view rest = uri.substr(kScheme.size());
  Location location;
  if (const size_t query = rest.find('?'); query != std::string_view::npos) {
    constexpr std::string_view kDatabase = "database=";
    const std::string_view parameters = rest.substr(query + 1);
    if (!parameters.starts_with(kDatabase)) return bad;
    location.database = std::string(parameters.substr(kDatabase.size()));
    rest = rest.substr(0, query);
  }
  while (rest.ends_with('/')) rest.remove_suffix(1);
  const size_t slash = rest.find('/');
  location.project = std::string(rest.substr(0, slash));
  if (slash != std::string_view::npos) location.collection = std::string(rest.substr(slash + 1));
  if (!IsName(location.project) || !IsName(location.collection) || !IsName(location.database)) {
    return bad;
  }
  return location;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Ledger>> OpenFirestoreLedger(std::string_view uri,
                                                            const FirestoreOptions& options,
                                                            std::stop_token stop) {
  ASSIGN_OR_RETURN(Location location, ParseUri(uri));
  if (auto emulator = EmulatorUrl(options.environment, "FIRESTORE_EMULATOR_HOST")) {
    location.base_url = *std::move(emulator);
    location.credentials = NoGoogleCredentials();
  } else {
    ASSIGN_OR_RETURN(location.credentials,
                     FindGoogleCredentials({.environment = options.environment,
                                            .new_http = options.new_http,
                                            .clock = options.clock}));
    location.base_url = StrCat("https://firestore.", location.credentials.universe_domain);
  }
  auto ledger = std::make_unique<FirestoreLedger>(std::move(location), options);
  RETURN_IF_ERROR(Annotate(ledger->Check(stop), StrCat("opening the ledger ", uri)));
  return ledger;
}

}  // namespace millrace
