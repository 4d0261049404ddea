#include "pipeline/testing/memory_ledger.h"

#include <iterator>
#include <utility>

#include "base/status.h"

namespace millrace {

absl::StatusOr<Ledger::Claim> MemoryLedger::ClaimObject(const ClaimRequest& request,
                                                        std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  on_call_();
  absl::MutexLock lock(&mutex_);
  const absl::Time now = clock_.Now();
  const auto found = rows_.find(request.key);
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
  if (row == nullptr) return absl::AbortedError("another worker took over the object");
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
  if (row == nullptr) return absl::AbortedError("another worker took over the object");
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

}  // namespace millrace
