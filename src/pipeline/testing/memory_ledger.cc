#include "pipeline/testing/memory_ledger.h"

#include <iterator>
#include <utility>

#include "base/status.h"
#include "pipeline/shared_ledger.h"

namespace millrace {

absl::StatusOr<Ledger::Claim> MemoryLedger::ClaimObject(const ClaimRequest& request,
                                                        std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  on_call_();
  absl::MutexLock lock(&mutex_);
  const absl::Time now = clock_.Now();
  const auto found = rows_.find(request.key);
  if (found != rows_.end() && !found->second.intent.empty()) {
    const Intent& intent = intents_.at(found->second.intent);
    return ClaimUnderIntent(found->second, intent.owner, intent.lease_until, request.owner, now);
  }
  if (found == rows_.end() ||
      (found->second.state == LedgerState::kOpen && found->second.position.row == 0)) {
    if (const LedgerEntry* rival = Rival(request.key); rival != nullptr) {
      return Claim{.outcome = OutcomeForRival(*rival, now), .entry = *rival};
    }
  }
  const auto [row, created] = rows_.try_emplace(request.key);
  LedgerEntry& entry = row->second;
  if (created) {
    entry.key = request.key;
    entry.started = now;
  }
  Claim claim;
  if (entry.state == LedgerState::kDone) {
    claim.outcome = Claim::Outcome::kDone;
  } else if (!entry.owner.empty() && entry.owner != request.owner && entry.lease_until > now) {
    claim.outcome = Claim::Outcome::kHeld;
  } else {
    claim.outcome = Claim::Outcome::kClaimed;
    entry.maybe_sent = entry.maybe_sent || (!entry.owner.empty() && entry.owner != request.owner);
    entry.owner = request.owner;
    entry.object_bytes = request.object_bytes;
    entry.lease_until = now + request.lease;
    entry.updated = now;
    entry.config_parts = request.config_parts;
    if (entry.position.row == 0) entry.mapping_version = request.mapping_version;
    ++entry.revision;
  }
  claim.entry = entry;
  return claim;
}

const LedgerEntry* MemoryLedger::Rival(const LedgerKey& key) const {
  for (const auto& [other, entry] : rows_) {
    if (other.object == key.object && other.version == key.version &&
        other.destination == key.destination && other.config != key.config && MayHaveSent(entry)) {
      return &entry;
    }
  }
  return nullptr;
}

LedgerEntry* MemoryLedger::Held(const LedgerEntry& entry) {
  const auto row = rows_.find(entry.key);
  if (row == rows_.end() || row->second.revision != entry.revision ||
      row->second.owner != entry.owner || entry.owner.empty()) {
    return nullptr;
  }
  return &row->second;
}

absl::Status MemoryLedger::Store(LedgerEntry& entry, absl::Duration lease, std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  on_call_();
  absl::MutexLock lock(&mutex_);
  LedgerEntry* row = Held(entry);
  if (row == nullptr) return TakenOver(entry.key);
  RETURN_IF_ERROR(CheckStore(entry, *row));
  const absl::Time now = clock_.Now();
  row->state = entry.state;
  row->position = entry.position;
  row->counts = entry.counts;
  row->last_error = entry.last_error;
  row->maybe_sent = entry.maybe_sent;
  row->updated = now;
  ++row->revision;
  const bool done = entry.state == LedgerState::kDone;
  if (done) row->owner.clear();
  row->lease_until = done ? now : now + lease;
  entry = *row;
  return absl::OkStatus();
}

absl::Status MemoryLedger::Release(LedgerEntry& entry, std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  on_call_();
  absl::MutexLock lock(&mutex_);
  LedgerEntry* row = Held(entry);
  if (row == nullptr) return TakenOver(entry.key);
  row->owner.clear();
  row->lease_until = row->updated = clock_.Now();
  ++row->revision;
  entry = *row;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<LedgerKey>> MemoryLedger::Forget(const LedgerKey& key,
                                                            std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  absl::MutexLock lock(&mutex_);
  std::vector<LedgerKey> forgotten;
  for (auto row = rows_.begin(); row != rows_.end();) {
    const LedgerKey& other = row->first;
    const bool same = other.object == key.object && other.version == key.version &&
                      other.destination == key.destination;
    if (same) forgotten.push_back(other);
    row = same ? rows_.erase(row) : std::next(row);
  }
  return forgotten;
}

absl::Status MemoryLedger::ForEach(const std::function<absl::Status(const LedgerEntry&)>& visit,
                                   std::stop_token stop) {
  for (const auto& [key, entry] : Snapshot()) {
    if (stop.stop_requested()) return StopRequested();
    RETURN_IF_ERROR(visit(entry));
  }
  return absl::OkStatus();
}

std::optional<LedgerEntry> MemoryLedger::Find(const LedgerKey& key) const {
  absl::MutexLock lock(&mutex_);
  const auto row = rows_.find(key);
  if (row == rows_.end()) return std::nullopt;
  return row->second;
}

MemoryLedger::Rows MemoryLedger::Snapshot() const {
  absl::MutexLock lock(&mutex_);
  return rows_;
}

void MemoryLedger::Restore(Rows rows) {
  absl::MutexLock lock(&mutex_);
  rows_ = std::move(rows);
}

absl::Status MemoryLedger::Announce(Intent& intent, absl::Duration lease, std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  RETURN_IF_ERROR(CheckIntent(intent));
  on_call_();
  absl::MutexLock lock(&mutex_);
  for (const IntentSpan& span : intent.spans) {
    const auto row = rows_.find(span.object);
    if (row == rows_.end() || row->second.revision != span.revision ||
        row->second.owner != intent.owner || !row->second.intent.empty()) {
      return TakenOver(span.object);
    }
  }
  if (intents_.contains(intent.id)) return TakenOver(intent);
  for (const IntentSpan& span : intent.spans) rows_.at(span.object).intent = intent.id;
  ChangeRows(intent, [](const IntentSpan&, LedgerEntry&) {});
  intent.lease_until = clock_.Now() + lease;
  intent.revision = 1;
  intents_[intent.id] = intent;
  return absl::OkStatus();
}

Intent* MemoryLedger::Open(const Intent& intent) {
  const auto found = intents_.find(intent.id);
  if (found == intents_.end() || found->second.owner != intent.owner ||
      found->second.revision != intent.revision) {
    return nullptr;
  }
  return &found->second;
}

void MemoryLedger::ChangeRows(Intent& intent,
                              const std::function<void(const IntentSpan&, LedgerEntry&)>& change) {
  const absl::Time now = clock_.Now();
  for (IntentSpan& span : intent.spans) {
    const auto row = rows_.find(span.object);
    if (row == rows_.end() || row->second.intent != intent.id) {
      span.revision = 0;
      continue;
    }
    change(span, row->second);
    row->second.updated = now;
    span.revision = ++row->second.revision;
  }
}

absl::Status MemoryLedger::Renew(Intent& intent, absl::Duration lease, std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  on_call_();
  absl::MutexLock lock(&mutex_);
  Intent* const stored = Open(intent);
  if (stored == nullptr) return TakenOver(intent);
  stored->lease_until = intent.lease_until = clock_.Now() + lease;
  intent.revision = ++stored->revision;
  return absl::OkStatus();
}

absl::Status MemoryLedger::Settle(Intent& intent, absl::Duration lease, std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  on_call_();
  absl::MutexLock lock(&mutex_);
  if (Open(intent) == nullptr) return TakenOver(intent);
  const absl::Time now = clock_.Now();
  ChangeRows(intent, [&](const IntentSpan& span, LedgerEntry& row) {
    row.state = span.state;
    row.position = span.after;
    row.counts = span.counts;
    row.last_error = span.last_error;
    row.intent.clear();
    if (row.owner == intent.owner) row.lease_until = now + lease;
    if (row.state != LedgerState::kDone) return;
    row.owner.clear();
    row.lease_until = now;
  });
  intents_.erase(intent.id);
  return absl::OkStatus();
}

absl::Status MemoryLedger::Withdraw(Intent& intent, std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  on_call_();
  absl::MutexLock lock(&mutex_);
  if (Open(intent) == nullptr) return TakenOver(intent);
  ChangeRows(intent, [](const IntentSpan&, LedgerEntry& row) { row.intent.clear(); });
  intents_.erase(intent.id);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Intent>> MemoryLedger::Take(const std::string& id,
                                                         const std::string& owner,
                                                         bool owner_is_dead, absl::Duration lease,
                                                         std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  on_call_();
  absl::MutexLock lock(&mutex_);
  const absl::Time now = clock_.Now();
  const auto found = intents_.find(id);
  if (found == intents_.end()) return std::nullopt;
  Intent& intent = found->second;
  if (intent.lease_until > now && intent.owner != owner && !owner_is_dead) return std::nullopt;
  ChangeRows(intent, [&](const IntentSpan&, LedgerEntry& row) {
    row.owner.clear();
    row.lease_until = now;
  });
  intent.owner = owner;
  intent.lease_until = now + lease;
  ++intent.revision;
  return intent;
}

absl::StatusOr<std::vector<Intent>> MemoryLedger::List(const std::string& destination,
                                                       std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  absl::MutexLock lock(&mutex_);
  std::vector<Intent> listed;
  for (const auto& [id, intent] : intents_) {
    if (intent.destination != destination) continue;
    listed.push_back(intent);
    for (IntentSpan& span : listed.back().spans) span.revision = 0;
  }
  return listed;
}

}  // namespace millrace
